"""Walks the elements of a DICOM data set up to its pixels, keeping the values that are asked for.

Nested sequences are kept on a list, not on the stack of calls; nothing is allocated because a header claims it.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._skim import ROOM, skim, sought
from sagittal.io.dicom._source import Source
from sagittal.io.dicom._tags import CREATORS, LONG_VRS, VR

Item = dict[int, "Value"]
Value = tuple[str, "bytes | list[Item]"]
"""A VR and the bytes as stored, or the items of a sequence."""

UNDEFINED = 0xFFFFFFFF
_LONG = {vr.encode(): vr for vr in LONG_VRS}
_PIXELS = {0x7FE00010: "whole", 0x7FE00008: "float", 0x7FE00009: "double"}
_ANY_CREATOR = 0x0065
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

_VRS = {int.from_bytes(vr.encode(), "big"): vr for vr in [*LONG_VRS, *VR.values(), "AS", "AT", "LT", "SL", "SS", "ST", "UL"]}

_REMEDY = "copy it again from its source, or leave it out"

MOST_DEPTH = 64
"""Sequences in sequences; real ones stay below 20."""
MOST_ELEMENTS = 4_000_000
MOST_VALUE = 1 << 24
"""Bytes of a value that is kept; an element that claims more is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelPlace:
    """Where the pixel data element's value begins, and how long it is; -1 when encapsulated (compressed).

    ``kind`` is ``whole`` (numbers of BitsAllocated), ``float`` or ``double``. Of a deflated file the offset counts
    in the inflated data set. ``vr`` is how the file calls the bytes; words where it does not say.
    """

    offset: int
    length: int
    kind: str
    vr: str = "OW"


@dataclass(slots=True)
class _Level:
    """An open item, or an open sequence (``items`` set); what is not asked for has neither."""

    end: int
    item: Item | None
    items: list[Item] | None
    sequence: bool
    implicit: bool


class Walker:
    """One pass over a data set; see :func:`sagittal.io.dicom.header.read_header`."""

    def __init__(self, source: Source, path: object, tags: Collection[int], *, order: str, implicit: bool) -> None:
        self._source, self._path, self._tags = source, path, frozenset(tags)
        self._order, self._implicit = order, implicit
        self._short = struct.Struct(f"{order}HH2sH").unpack_from
        self._plain = struct.Struct(f"{order}HHI").unpack_from
        self._length = struct.Struct(f"{order}I").unpack_from
        self._sought = sought(self._tags)
        self._notes = np.empty((ROOM, 4), dtype=np.int64)
        self._creators: dict[int, int] = {}
        self._count = 0
        self.root: Item = {}
        self.pixels: PixelPlace | None = None

    def walk(self, start: int, *, only_group: int | None = None) -> int:
        """Read from ``start`` to the pixels or the end; gives where it stopped.

        Args:
            start: A place in the source.
            only_group: Stop before the first element of another group (for the file meta information).

        Raises:
            UnreadableInput: An element reaches beyond the end, or sequences lie too deep; what came before is in ``root``.
        """
        stack = [_Level(self._source.end, self.root, None, sequence=False, implicit=self._implicit)]
        place = start
        while stack and self.pixels is None:
            level = stack[-1]
            if level.end > self._source.end:  # a deflated source learns late where it ends
                level.end = self._source.end
            if place >= level.end:
                stack.pop()
            elif level.sequence:
                place = self._item(place, stack)
            else:
                try:
                    stop = self._elements(place, stack, only_group)
                except struct.error as error:  # an element's own head reaches beyond the end
                    raise self._cut(place) from error
                if stop < 0:
                    return -stop - 1
                place = stop
            if len(stack) > MOST_DEPTH:
                raise UnreadableInput("OVER_LIMIT", self._path, f"sequences lie {MOST_DEPTH} deep in one another", _REMEDY)
        return place

    def _item(self, place: int, stack: list[_Level]) -> int:
        """Opens the next item of the sequence on top of the stack, or closes it."""
        level = stack[-1]
        self._need(place, 8)
        group, element, length = self._plain(self._source.window, place - self._source.base)
        tag = group << 16 | element
        if tag == _SEQUENCE_END:
            stack.pop()
            return place + 8
        if tag != _ITEM:
            raise self._broken(f"at byte {place:,} an item of a sequence should begin")
        end = level.end if length == UNDEFINED else place + 8 + length
        if end > level.end:
            raise self._cut(place)
        item: Item | None = None
        if level.items is not None:
            item = {}
            level.items.append(item)
        stack.append(_Level(end, item, None, sequence=False, implicit=level.implicit))
        return place + 8

    def _elements(self, place: int, stack: list[_Level], only_group: int | None) -> int:
        """Reads elements until the level changes; a negative answer is the place where ``only_group`` stopped it."""
        level, source, tags = stack[-1], self._source, self._tags
        end, item, at_root = level.end, level.item, len(stack) == 1
        plain = at_root and only_group is None
        while place < end:
            if plain and source.base <= place:
                place = self._skimmed(place, end)
            if source.base + len(source.window) - place < 12:
                end = self._ahead(place, end)
                if place >= end or (at_root and self._padded(place, end)):
                    return end
            group, element, vr, length, start = self._head(place, implicit=level.implicit)
            if only_group is not None and group != only_group:
                return -place - 1
            tag = group << 16 | element
            if group == 0xFFFE:
                return self._delimiter(tag, start, stack)
            if at_root and tag in _PIXELS:
                return self._found_pixels(tag, vr, start, length)
            if group & 1:
                tag = self._folded(group, element, start, length)
            wanted = item is not None and tag in tags
            if length == UNDEFINED or (wanted and (vr or VR[tag]) == "SQ"):
                return self._open(tag, vr, start, length, stack, wanted=wanted)
            if start + length > end:
                raise self._cut(place)
            if wanted and length <= MOST_VALUE and item is not None:
                item[tag] = (vr or VR[tag], self._bytes(start, length))
            place = start + length
        return place

    def _skimmed(self, place: int, end: int) -> int:
        """Runs over the plain elements in the window; gives the place of the first that is not plain."""
        source = self._source
        noted, met, stop = skim(
            source.window,
            place - source.base,
            end - source.base,
            self._sought,
            self._notes,
            implicit=self._implicit,
            big=self._order == ">",
        )
        self._count += met
        for tag, vr, start, length in self._notes[:noted].tolist():
            self.root[tag] = (_VRS.get(vr) or VR[tag], source.window[start : start + length])
        return source.base + stop

    def _head(self, place: int, *, implicit: bool) -> tuple[int, int, str, int, int]:
        """Group, element, VR (empty where implicit), length, and where the value begins."""
        window, at = self._source.window, place - self._source.base
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise UnreadableInput("OVER_LIMIT", self._path, f"it has more than {MOST_ELEMENTS:,} elements", _REMEDY)
        if implicit:
            group, element, length = self._plain(window, at)
            return group, element, "", length, place + 8
        group, element, vr, length = self._short(window, at)
        if group == 0xFFFE:
            group, element, length = self._plain(window, at)
            return group, element, "", length, place + 8
        if vr in _LONG:
            (length,) = self._length(window, at + 8)
            return group, element, _LONG[vr], length, place + 12
        return group, element, vr.decode("ascii", "replace"), length, place + 8

    def _delimiter(self, tag: int, after: int, stack: list[_Level]) -> int:
        if tag != _ITEM_END or len(stack) == 1:
            raise self._broken(f"a delimiter stands before byte {after:,} where an element should begin")
        stack.pop()
        return after

    def _open(self, tag: int, vr: str, start: int, length: int, stack: list[_Level], *, wanted: bool) -> int:
        """Puts a sequence on the stack; an unwanted one is only followed to find its end."""
        level = stack[-1]
        end = level.end if length == UNDEFINED else start + length
        if end > level.end:
            raise self._cut(start)
        items: list[Item] | None = None
        if wanted and level.item is not None:
            items = []
            level.item[tag] = ("SQ", items)
        # PS3.5 6.2.2: UN of undefined length holds a sequence in implicit VR
        stack.append(_Level(end, None, items, sequence=True, implicit=level.implicit or vr == "UN"))
        return start

    def _found_pixels(self, tag: int, vr: str, start: int, length: int) -> int:
        compressed = length == UNDEFINED
        self.pixels = PixelPlace(offset=start, length=-1 if compressed else length, kind=_PIXELS[tag], vr=vr or "OW")
        return start

    def _folded(self, group: int, element: int, start: int, length: int) -> int:
        """A private tag without its block where the creator is one of ours; 0 otherwise."""
        known = CREATORS.get(group)
        if known is None:
            return 0
        if 0x10 <= element <= 0xFF:
            if length <= 64:
                named = self._bytes(start, length).strip(b" \0")
                found = known.get(named, 0 if group == _ANY_CREATOR else -1)
                self._creators[group << 8 | element] = found
            return 0
        block = element >> 8
        # de-identified files often lost the creators; nearly all vendors use the first block
        part = self._creators.get(group << 8 | block, 0 if block == 0x10 else -1)
        return group << 16 | part << 8 | (element & 0xFF) if part >= 0 else 0

    def _bytes(self, start: int, length: int) -> bytes:
        source = self._source
        if start < source.base or start + length > source.base + len(source.window):
            return self._far(start, length)
        at = start - source.base
        return source.window[at : at + length]

    def _far(self, start: int, length: int) -> bytes:
        """A value that does not lie in one window: put together from several, as far as they really go."""
        source, pieces, place = self._source, [], start
        while place < start + length:
            if not source.base <= place < source.base + len(source.window):
                source.move(place)
                if not source.window:
                    raise self._cut(start)
            at = place - source.base
            piece = source.window[at : at + start + length - place]
            if not piece:
                raise self._cut(start)
            pieces.append(piece)
            place += len(piece)
        return b"".join(pieces)

    def _ahead(self, place: int, end: int) -> int:
        """Make the window hold the beginning of the next element; the end, which a deflated source learns late."""
        source = self._source
        if place + 12 > source.base + len(source.window):
            source.move(place)
        end = min(end, source.end)
        if end - place >= 8:
            self._need(place, 8)
        return end

    def _padded(self, place: int, end: int) -> bool:
        """Whether nothing but a few zeros is left."""
        rest = self._source.window[place - self._source.base :][: end - place]
        return end - place < 8 and not any(rest)

    def _need(self, place: int, count: int) -> None:
        """Make the window hold ``count`` bytes from ``place`` on."""
        source = self._source
        if place < source.base or place + count > source.base + len(source.window):
            source.move(place)
            if place + count > source.base + len(source.window):
                raise self._cut(place)

    def _cut(self, place: int) -> UnreadableInput:
        what = f"the file ends, or an element reaches beyond its end, at byte {place:,}"
        return UnreadableInput("TRUNCATED", self._path, what, "copy it again from its source")

    def _broken(self, what: str) -> UnreadableInput:
        return UnreadableInput("BROKEN", self._path, what, _REMEDY)
