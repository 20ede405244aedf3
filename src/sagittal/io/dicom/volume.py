"""One volume of a series, known from its headers; its values are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from sagittal.core import Geometry, Image, Window
from sagittal.core.image import Values
from sagittal.io.dicom._faults import Fault, gravest
from sagittal.io.dicom._geometry import Stack, letters, resampled_grid, tilt_degrees, volume_grid
from sagittal.io.dicom._planes import Plane
from sagittal.io.dicom._values import AIR_HU, Box, is_colour, read_planes
from sagittal.io.guard import Limits

Padding = Literal["air", "kept"]
"""What becomes of the stored numbers of a CT that stand for nothing."""

Load = Callable[[Window], Values]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """What a person may know of a volume before its pixels are read.

    Args:
        key: Its name in its folder: ``mr5-3fa1c2-echo2``. The same files give the same key; no patient data are in it.
        series: The part of the key that all volumes of its series share.
        words: What tells it from them: ``("echo2",)``.
        kinds: Those of the words that it shares with the other volumes of a 4-D image: not the number of its time point.
        modality: ``CT``, ``MR`` ...
        description: The series description.
        number: The series number; None where the header has none.
        shape: ``(columns, rows, slices)``; ``(rows, columns)`` of a picture without a place in the world.
        spacing: Along each index axis, in mm; in pixels of a picture.
        orientation: Where each index axis runs to: ``LPS``; empty of a picture.
        findings: What is wrong with it; those that block keep :meth:`image` from making an image.
        patient: A short hash of the patient's identifier: equal for equal ones; empty where there is none.
        study: The same of the study.
        series_uid: For annotations that refer to the series. Never shown.
        frame_uid: The same, of its frame of reference.
        planes: Its slices, from the first place to the last.
        stack: Where they lie; None where that is not known.
        limits: Of what is read.
        keep: What must live as long as the volume (unpacked files).
    """

    key: str
    series: str
    words: tuple[str, ...]
    modality: str
    description: str
    number: int | None
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    orientation: str
    findings: tuple[Fault, ...]
    patient: str = ""
    study: str = ""
    series_uid: str = field(default="", repr=False)
    frame_uid: str = field(default="", repr=False)
    kinds: tuple[str, ...] = ()
    planes: tuple[Plane, ...] = field(default=(), repr=False)
    stack: Stack | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits.default, repr=False)
    keep: object = field(default=None, repr=False)

    @property
    def slices(self) -> int:
        """How many slices (or frames) there are."""
        return len(self.planes)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, each once, in the order of the slices."""
        return tuple(dict.fromkeys(p.stored.path for p in self.planes))

    @property
    def turn(self) -> tuple[float, ...]:
        """Sorts volumes of one series: by dimensions, by temporal position, by the first of its slices.

        Which of several dimensions runs fastest while it is measured is said nowhere: here the first does, as dcm2niix has it,
        and of Philips' spin labelling, whose slices are numbered at random, the repeats of a phase.
        """
        marks = dict(self.planes[0].marks)
        dimensions = [marks[name][0] for name in marks if name.startswith("d") and marks[name]]
        labelled = marks.get("asl") or ()
        phase = (marks.get("phase") or ()) if labelled else ()
        weighted = marks.get("w") or ()
        first = min((p.order[1], *p.order) for p in self.planes)
        return (*labelled, *phase, *reversed(dimensions), *(marks.get("t") or (0.0,)), *weighted, *first)

    @property
    def title(self) -> str:
        """For messages: ``series 3 (CT, 12 slices)``."""
        return titled(self.number, self.modality, self.slices, self.words)

    def check(self, *, allow: frozenset[str] = frozenset()) -> None:
        """Whether a volume may be made.

        Args:
            allow: Codes of findings that may pass, of :data:`sagittal.io.dicom._faults.ALLOWABLE`.

        Raises:
            Refused: A finding stands in the way: the first one.
            UnreadableInput: One of its files cannot be read, or is over a limit.
        """
        stopping = [f for f in self.findings if f.stops(allow)]
        if stopping:
            raise gravest(stopping).error()

    def image(self, *, allow: frozenset[str] = frozenset(), padding: Padding = "air") -> Image:
        """Lazy values ``(1, columns, rows, slices)`` in float32, CT in Hounsfield units; colours ``(3, ...)``.

        The affine maps array indices to RAS+ in mm. Values are stored numbers times slope plus intercept, slice by
        slice; they are never inverted: ``meta["inverted"]`` says that MONOCHROME1 wants low values shown bright.
        Padding of CT becomes -1024 HU, told from the stored numbers before the slope. With ``allow``, a missing slice is
        filled with -1024 HU (0 in other modalities) and listed in ``meta["missing"]``; slices at uneven distances are
        interpolated onto an even grid as fine as the finest of them, which ``meta["resampled"]`` says.

        Args:
            allow: Codes of findings that may pass.
            padding: ``kept`` treats padding as any other stored number, as converters do.

        Raises:
            Refused: See :meth:`check`.
            UnreadableInput: One of its files cannot be read, here or when the values are read.
        """
        self.check(allow=allow)
        if padding == "kept":
            bare = tuple(replace(p, stored=replace(p.stored, padding=None)) for p in self.planes)
            return replace(self, planes=bare).image(allow=allow)
        first = self.planes[0]
        colour = is_colour(first.stored)
        meta = self._meta(allow)
        if self.stack is None:
            if len(self.planes) == 1:
                geometry = Geometry.picture(first.shape)
            else:
                geometry = Geometry(shape=(first.shape[1], first.shape[0], len(self.planes)), affine=np.eye(4))
            load = self._even(tuple(range(len(self.planes))))
        elif self.stack.even:
            geometry = volume_grid(self.planes, self.stack)
            meta["tilt"] = round(tilt_degrees(geometry), 3)
            load = self._even(self.stack.slots)
        else:
            geometry, reads = resampled_grid(self.planes, self.stack)
            meta["resampled"] = {"along": [round(a, 4) for a in self.stack.along], "to_mm": geometry.spacing[2]}
            load = self._between(reads)
        stored = {p.stored.path: p.stored.size for p in self.planes}
        self.limits.check(self.title, geometry.shape, 4, stored=sum(stored.values()))
        channels = ("red", "green", "blue") if colour else ("value",)
        return Image(geometry=geometry, channels=channels, load=load, meta=meta)

    def _meta(self, allow: frozenset[str]) -> dict[str, object]:
        first = self.planes[0]
        stored = first.stored
        kind = {"float": "float32", "double": "float64"}.get(stored.kind, f"{'' if stored.signed else 'u'}int{stored.bits_allocated}")
        rescales = {p.rescale or (1.0, 0.0) for p in self.planes}
        meta: dict[str, object] = {
            "format": "DICOM",
            "bits": stored.bits_stored,
            "mode": kind,
            "modality": self.modality,
            "photometric": stored.photometric,
            "inverted": stored.photometric == "MONOCHROME1",
            "rescale": "a slice" if len(rescales) > 1 else next(iter(rescales)),
        }
        if self.modality == "CT" and first.rescale is not None:
            meta["unit"] = "HU"
        if stored.padding is not None and self.modality == "CT":
            meta["padding"] = {"stored": stored.padding, "becomes": AIR_HU}
        if self.stack is not None and self.stack.missing:
            meta["missing"] = self.stack.missing
        passed = sorted({f.code for f in self.findings if f.blocks and f.code in allow})
        if passed:
            meta["allowed"] = passed
        return meta

    def _even(self, slots: tuple[int, ...]) -> Load:
        """Reads the slices whose places lie in the window; places without one are filled."""
        picture = self.stack is None and len(self.planes) == 1
        filler = AIR_HU if self.modality == "CT" else 0.0

        def load(window: Window) -> Values:
            # the volume, not only its slices: unpacked files live as long as it does
            planes, limits = self.planes, self.limits
            if picture:
                read = read_planes(planes, _box(window.start, window.stop, row=0), limits)
                return read[0].transpose(2, 0, 1) if read.ndim == 4 else read
            start, stop = window.start[2], window.stop[2]
            box = _box(window.start, window.stop, row=1)
            chosen = [n for n, slot in enumerate(slots) if start <= slot < stop]
            read = read_planes([planes[n] for n in chosen], box, limits) if chosen else np.empty((0, *box.shape), np.float32)
            if len(chosen) < stop - start:
                whole = np.full((stop - start, *read.shape[1:]), filler, dtype=read.dtype)
                whole[[slots[n] - start for n in chosen]] = read
                read = whole
            return _index_order(read)

        return load

    def _between(self, reads: np.ndarray) -> Load:
        """Reads slices at fractional places: a weighted mean of the two around each."""

        def load(window: Window) -> Values:
            planes, limits = self.planes, self.limits
            wanted = reads[window.start[2] : window.stop[2]]
            box = _box(window.start, window.stop, row=1)
            if not len(wanted):
                return np.empty((1, *window.size), np.float32)
            first, last = int(np.floor(wanted[0])), int(np.ceil(wanted[-1]))
            read = read_planes(planes[first : last + 1], box, limits)
            made = np.empty((len(wanted), *read.shape[1:]), dtype=np.float32)
            for n, at in enumerate(wanted - first):
                low = min(int(at), len(read) - 1)
                high, weight = min(low + 1, len(read) - 1), np.float32(at - low)
                made[n] = read[low] if weight == 0 else read[low] * (1 - weight) + read[high] * weight
            return _index_order(made)

        return load

    def precise(self) -> Volume:
        """The same in the units of Philips' Scale Slope: what the standard gives, divided by both slopes; others as they are.

        Source: Chenevert et al., Transl Oncol 2014;7(1):65-71.
        """

        def scaled(plane: Plane) -> Plane:
            slope, shift = plane.rescale or (1.0, 0.0)
            return plane if plane.scale is None or slope == 0 else replace(plane, rescale=(1 / plane.scale, shift / (slope * plane.scale)))

        return replace(self, planes=tuple(map(scaled, self.planes)))

    def record(self) -> Mapping[str, object]:
        """A JSON-ready description, free of patient data."""
        return {
            "key": self.key,
            "modality": self.modality,
            "description": self.description,
            "shape": list(self.shape),
            "spacing": [round(s, 5) for s in self.spacing],
            "orientation": self.orientation,
            "slices": self.slices,
            "findings": [{"code": f.code, "item": f.item, "what": f.what, "remedy": f.remedy, "exit": f.exit_code} for f in self.findings],
        }


def titled(number: int | None, modality: str, slices: int, words: tuple[str, ...] = ()) -> str:
    """What a message calls a volume.

    >>> titled(3, "CT", 12), titled(None, "MR", 1, ("echo2",))
    ('series 3 (CT, 12 slices)', 'series without a number (MR, echo2, 1 slice)')
    """
    told = ", ".join([modality, *words, f"{slices} slice{'' if slices == 1 else 's'}"])
    return f"series {number if number is not None else 'without a number'} ({told})"


def grid_of(planes: tuple[Plane, ...], found: Stack | None) -> tuple[tuple[int, ...], tuple[float, ...], str]:
    """Shape, spacing and orientation for the record of a volume."""
    rows, columns = planes[0].shape
    if found is None or planes[0].spacing is None:
        return ((rows, columns), (1.0, 1.0), "") if len(planes) == 1 else ((columns, rows, len(planes)), (1.0, 1.0, 1.0), "")
    geometry = volume_grid(planes, found)
    spacing = geometry.spacing if found.even else (*geometry.spacing[:2], float(np.median(np.diff(found.along))))
    return geometry.shape, spacing, letters(geometry)


def _box(start: tuple[int, ...], stop: tuple[int, ...], *, row: int) -> Box:
    column = 1 - row
    return Box((start[row], stop[row]), (start[column], stop[column]))


def _index_order(read: Values) -> Values:
    """``(slices, rows, columns)`` to ``(1, columns, rows, slices)``: another view of the same memory."""
    return read.transpose(3, 2, 1, 0) if read.ndim == 4 else read.transpose(2, 1, 0)[None]
