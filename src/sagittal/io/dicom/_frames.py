"""Where the frames of encapsulated pixel data lie in a file (PS3.5 A.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from sagittal.errors import UnreadableInput

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0"

Span = tuple[int, int]
"""First byte in the file, and how many."""


def frame_spans(path: Path, offset: int, frames: int) -> list[list[Span]]:
    """For every frame the fragments that make it.

    Args:
        path: The file.
        offset: Of the value of the pixel data element: of the tag of its first item.
        frames: How many there are to be.

    Raises:
        UnreadableInput: Cut off within an item, or the fragments cannot be dealt to so many frames.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        table, fragments = _fragments(file, path, offset, size)
        if not fragments:
            raise UnreadableInput("NO_PIXELS", path, "its compressed pixel data hold nothing", "copy it again from its source")
        if frames == 1:
            return [fragments]
        if len(fragments) == frames:
            return [[span] for span in fragments]
        dealt = _by_table(table, fragments, frames) or _by_ends(file, fragments, frames)
    if dealt is None:
        what = f"its pixel data have {len(fragments)} fragments, which cannot be dealt to {frames} frames"
        raise UnreadableInput("FRAMES", path, what, "copy it again from its source, or have it written anew")
    return dealt


def read_spans(path: Path, spans: Sequence[Span]) -> bytes:
    """The bytes of one frame."""
    with path.open("rb") as file:
        parts = []
        for start, length in spans:
            file.seek(start)
            parts.append(file.read(length))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _fragments(file: BinaryIO, path: Path, offset: int, size: int) -> tuple[list[int], list[Span]]:
    """The basic offset table, and every fragment, walked by their lengths: their content may hold any bytes."""
    table: list[int] = []
    spans: list[Span] = []
    at, first = offset, True
    while at + 8 <= size:
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] == _END:
            return table, spans
        if head[:4] != _ITEM:
            what = f"byte {at:,} of its pixel data is no item"
            raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
        if at + 8 + length > size:
            what = f"the file ends within its pixel data: {at + 8 + length:,} bytes are announced, {size:,} are there"
            raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
        if first:
            words = file.read(length - length % 4)
            table = list(struct.unpack(f"<{len(words) // 4}I", words))
            first = False
        elif length:
            spans.append((at + 8, length))
        at += 8 + length
    # The end mark is missing; fragments that are whole are still whole. Whether they are all, the frames tell.
    return table, spans


def _by_table(table: Sequence[int], fragments: Sequence[Span], frames: int) -> list[list[Span]] | None:
    """Fragments dealt by the basic offset table, whose zero is the tag of the first fragment."""
    if len(table) != frames or table[0] != 0:
        return None
    zero = fragments[0][0] - 8
    starts = {start - 8 - zero for start, _ in fragments}
    if not set(table) <= starts or sorted(set(table)) != list(table):
        return None
    bounds = [*table[1:], 1 << 62]
    dealt: list[list[Span]] = [[] for _ in range(frames)]
    frame = 0
    for start, length in fragments:
        if start - 8 - zero >= bounds[frame]:
            frame += 1
        dealt[frame].append((start, length))
    return dealt


def _by_ends(file: BinaryIO, fragments: Sequence[Span], frames: int) -> list[list[Span]] | None:
    """Fragments dealt by the marks that end a JPEG (FF D9), where the offset table is empty or wrong."""
    dealt: list[list[Span]] = [[]]
    for start, length in fragments:
        dealt[-1].append((start, length))
        file.seek(start + max(length - 12, 0))
        tail = file.read(min(length, 12)).rstrip(b"\0")
        if tail.endswith((b"\xff\xd9", b"\xff\xd9\xff")):
            dealt.append([])
    if not dealt[-1]:
        dealt.pop()
    return dealt if len(dealt) == frames else None
