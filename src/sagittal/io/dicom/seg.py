"""Segmentations (PS3.3 A.51): segments with names and colours, drawn on a grid of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.dicom._planes import Plane, planes
from sagittal.io.dicom._seg_grid import placed
from sagittal.io.dicom._tags import DRAWN_TAGS
from sagittal.io.dicom.colour import hex_of_lab
from sagittal.io.dicom.header import Dataset, Header, read_header
from sagittal.io.dicom.pixels import PixelRequest, read_pixels
from sagittal.io.guard import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A segment or a structure: its number, the name that a person gave it, and its colour (``#rrggbb``, or empty)."""

    number: int
    name: str
    colour: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segmentation:
    """What a DICOM SEG says.

    Args:
        segments: By number.
        image: One channel of segment numbers, 0 where no segment is; ``meta["overlap"]`` counts the voxels that
            several segments claim, ``meta["frames"]`` the frames that there are.
        references: The UID of the series that it was drawn on; empty where it says none. Never shown.
    """

    segments: tuple[Drawn, ...]
    image: Image
    references: str


def read_segmentation(path: Path, *, limits: Limits | None = None, like: Geometry | None = None, threshold: float = 0.5) -> Segmentation:
    """The segments of a DICOM SEG: binary, fractional or as a label map.

    Every frame lies where its plane position says; a slice without a frame is background. Where segments overlap,
    the one with the higher number lies on top.

    Args:
        path: The file.
        limits: How large it may be.
        like: The grid of the image that was drawn on: the distance between slices is taken from it, since a
            segmentation has frames only where there is something.
        threshold: The share of its largest value from which on a fractional voxel belongs to its segment.

    Raises:
        UnreadableInput: Not a SEG, broken, over a limit.
        Refused: Its frames are not parallel, not alike, or at uneven distances.
    """
    limits = limits or Limits.default()
    header = read_header(path, limits=limits, tags=DRAWN_TAGS)
    if header.data.text("Modality") != "SEG":
        raise UnreadableInput("NOT_A_SEG", path, "it is not a DICOM segmentation", "name the SEG file")
    segments = segments_of(header.data)
    frames = planes(header)
    if not frames:
        raise UnreadableInput("NO_PIXELS", path, "the segmentation has no frames", "leave it out")
    if any(f.position is None or f.orientation is None or f.spacing is None for f in frames):
        raise Refused("NO_POSITION", path, "a frame of the segmentation has no place in the world", "export it with plane positions")
    geometry, slots = placed(frames, path, like)
    limits.check(path, geometry.shape, 2, stored=max(header.size, len(frames) * geometry.shape[0] * geometry.shape[1]))
    values, overlap = _numbers(header, frames, segments, geometry, slots, limits=limits, threshold=threshold)
    meta = {"format": "DICOM SEG", "overlap": overlap, "frames": len(frames)}
    image = Image.of(values[None], geometry, meta=meta)
    return Segmentation(segments=segments, image=image, references=series_of(header.data))


def segments_of(data: Dataset) -> tuple[Drawn, ...]:
    """The segments that a header lists, by number."""
    found = []
    for item in data.items("SegmentSequence"):
        lab = item.numbers("RecommendedDisplayCIELabValue")
        colour = hex_of_lab((lab[0], lab[1], lab[2])) if len(lab) == 3 else ""
        found.append(Drawn(number=item.whole("SegmentNumber"), name=item.text("SegmentLabel"), colour=colour))
    return tuple(sorted(found, key=lambda s: s.number))


def series_of(data: Dataset) -> str:
    """The UID of the first series that a segmentation refers to."""
    return data.first("ReferencedSeriesSequence").text("SeriesInstanceUID")


def _numbers(
    header: Header,
    frames: Sequence[Plane],
    segments: Sequence[Drawn],
    geometry: Geometry,
    slots: Sequence[int],
    *,
    limits: Limits,
    threshold: float,
) -> tuple[NDArray[Any], int]:
    """Segment numbers ``(columns, rows, slices)``, and how many voxels several claim."""
    kind = header.data.text("SegmentationType") or "BINARY"
    most = header.data.whole("MaximumFractionalValue", 255)
    empty = header.data.whole("PixelPaddingValue", 0)
    owners = _owners(header.data, len(frames)) if kind != "LABELMAP" else [0] * len(frames)
    highest = max([0, *owners, *(s.number for s in segments)])
    columns, rows, depth = geometry.shape
    made = np.zeros((depth, rows, columns), np.uint8 if highest < 2**8 else np.uint16)
    claims = np.zeros(made.shape, np.bool_)
    order = sorted(range(len(frames)), key=lambda n: (owners[n], n))
    requests = [_request(frames[n], kind, header) for n in order]
    for place, pixels in _in_order(requests, limits):
        n = order[place]
        target = made[slots[n]]
        if kind == "LABELMAP":
            np.copyto(target, pixels, where=(pixels != empty) & (pixels != 0), casting="unsafe")
            continue
        inside = pixels.astype(np.bool_) if kind == "BINARY" else pixels >= max(threshold * most, 1)
        claims[slots[n]] |= inside & (target != 0) & (target != owners[n])
        target[inside] = owners[n]
    return made.transpose(2, 1, 0), int(np.count_nonzero(claims))


def _in_order(requests: Sequence[PixelRequest], limits: Limits) -> Iterator[tuple[int, NDArray[Any]]]:
    """Frames in the order of the requests: which segment lies on top must not depend on which decoder was faster."""
    early: dict[int, NDArray[Any]] = {}
    due = 0
    for place, values in read_pixels(requests, limits=limits):
        early[place] = values[0]
        while due in early:
            yield due, early.pop(due)
            due += 1


def _owners(data: Dataset, frames: int) -> list[int]:
    """The number of the segment of every frame."""
    shared = data.first("SharedFunctionalGroupsSequence").first("SegmentIdentificationSequence")
    owners = [shared.whole("ReferencedSegmentNumber")] * frames
    for n, group in enumerate(data.items("PerFrameFunctionalGroupsSequence")[:frames]):
        said = group.first("SegmentIdentificationSequence").whole("ReferencedSegmentNumber")
        owners[n] = said or owners[n]
    if not all(0 < owner < 2**16 for owner in owners):
        raise UnreadableInput("BROKEN", "segmentation", "a frame belongs to no segment", "export it again")
    return owners


def _request(plane: Plane, kind: str, header: Header) -> PixelRequest:
    stored = plane.stored
    if stored.samples != 1 or (kind not in {"BINARY", "FRACTIONAL", "LABELMAP"}):
        what = f"a segmentation of the kind {kind[:16]!r} with {stored.samples} samples is not read"
        raise UnreadableInput("UNSUPPORTED", stored.path, what, "export it as BINARY, FRACTIONAL or LABELMAP")
    return PixelRequest(
        path=stored.path,
        frame=plane.frame,
        rows=stored.rows,
        columns=stored.columns,
        frames=stored.frames,
        bits_allocated=stored.bits_allocated,
        bits_stored=stored.bits_stored,
        photometric=stored.photometric,
        transfer_syntax=header.syntax,
        offset=stored.offset,
        length=stored.length,
        vr=stored.vr,
    )
