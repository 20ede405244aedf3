"""Structure sets of radiotherapy (PS3.3 A.19): outlines in the world, laid on the slices of the series they refer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry
from sagittal.core.polygons import fill
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.dicom._tags import DRAWN_TAGS
from sagittal.io.dicom.header import Dataset, read_header
from sagittal.io.dicom.seg import Drawn
from sagittal.io.guard import Limits

_AREAS = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"})
_TO_RAS = np.array([-1.0, -1.0, 1.0])
_HALF = 0.5 + 1e-6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Structure:
    """A region of interest: closed outlines, each ``(n, 3)`` world points (RAS+, mm)."""

    drawn: Drawn
    outlines: tuple[NDArray[np.float64], ...]
    ignored: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StructureSet:
    """What a DICOM RTSTRUCT says.

    Args:
        structures: By number.
        references: The UID of the series that it was drawn on; empty where it says none. Never shown.
    """

    structures: tuple[Structure, ...]
    references: str


def read_structures(path: Path, *, limits: Limits | None = None) -> StructureSet:
    """The outlines of a structure set. Points and open lines enclose nothing: they are counted in ``ignored``.

    Raises:
        UnreadableInput: Not an RTSTRUCT, broken, over a limit.
    """
    limits = limits or Limits.default()
    header = read_header(path, limits=limits, tags=DRAWN_TAGS)
    data = header.data
    if data.text("Modality") != "RTSTRUCT":
        raise UnreadableInput("NOT_AN_RTSTRUCT", path, "it is not a DICOM structure set", "name the RTSTRUCT file")
    names = {item.whole("ROINumber", -1): item.text("ROIName") for item in data.items("StructureSetROISequence")}
    found = [_structure(item, names, path) for item in data.items("ROIContourSequence")]
    listed = {s.drawn.number for s in found}
    found += [Structure(drawn=Drawn(number=n, name=name), outlines=()) for n, name in names.items() if n not in listed]
    return StructureSet(structures=tuple(sorted(found, key=lambda s: s.drawn.number)), references=_series_of(data))


def on_grid(structures: Sequence[Structure], grid: Geometry, item: object) -> tuple[NDArray[np.uint16], int]:
    """The number of the structure at every voxel of a grid, its place in ``structures`` from 1 on; 0 where none is.

    Outlines are filled slice by slice; within a structure the even-odd rule makes holes, whether they are outlines
    of their own or joined by a keyhole. A voxel belongs to a structure when its centre lies inside. Where structures
    overlap the later one lies on top.

    Returns:
        The numbers, ``grid.shape``, and how many voxels several structures claim.

    Raises:
        Refused: An outline that does not lie in one slice of the grid, or lies beside the grid.
    """
    if grid.axes != 3:
        raise Refused("CONTOUR_PLACE", item, "outlines in space need a volume to lie on", "name the series that was drawn on")
    made = np.zeros(grid.shape, np.uint16)
    claims = np.zeros(grid.shape, np.bool_)
    axis = _stacked_on([grid.to_index(o) for s in structures for o in s.outlines])
    for number, structure in enumerate(structures, 1):
        by_slice: dict[int, list[NDArray[np.float64]]] = {}
        for outline in structure.outlines:
            index = grid.to_index(outline)
            by_slice.setdefault(_slice_of(index, axis, grid, item), []).append(np.delete(index, axis, axis=1))
        for place, rings in by_slice.items():
            target = np.moveaxis(made, axis, 0)[place]
            inside = fill(rings, target.shape, rule="evenodd")
            np.moveaxis(claims, axis, 0)[place] |= inside & (target != 0)
            target[inside] = number
    return made, int(np.count_nonzero(claims))


def _structure(item: Dataset, names: dict[int, str], path: Path) -> Structure:
    number = item.whole("ReferencedROINumber", -1)
    colour = [int(v) for v in item.numbers("ROIDisplayColor")]
    shown = "#" + "".join(f"{v:02x}" for v in colour) if len(colour) == 3 and all(0 <= v < 256 for v in colour) else ""
    outlines, ignored = [], 0
    for contour in item.items("ContourSequence"):
        if contour.text("ContourGeometricType") not in _AREAS:
            ignored += 1
            continue
        values = np.array(contour.numbers("ContourData"))
        if not len(values) or len(values) % 3 or not np.isfinite(values).all():
            what = f"an outline of structure {number} has {len(values)} numbers, which are no points"
            raise UnreadableInput("BROKEN", path, what, "export it again")
        if len(values) >= 9:
            outlines.append(values.reshape(-1, 3) * _TO_RAS)
        else:  # a point or a line: planning systems write them as closed outlines
            ignored += 1
    return Structure(drawn=Drawn(number=number, name=names.get(number, ""), colour=shown), outlines=tuple(outlines), ignored=ignored)


def _stacked_on(outlines: Sequence[NDArray[np.float64]]) -> int:
    """The index axis along which the outlines are flat."""
    if not outlines:
        return 2
    return int(np.argmin(np.mean([np.ptp(o, axis=0) for o in outlines], axis=0)))


def _slice_of(index: NDArray[np.float64], axis: int, grid: Geometry, item: object) -> int:
    """The slice that an outline lies in.

    Raises:
        Refused: A point of it lies further than half a spacing from that slice, or there is no such slice.
    """
    along = index[:, axis]
    place = int(np.rint(np.median(along)))
    far = float(np.abs(along - place).max())
    if far > _HALF:
        mm = far * grid.spacing[axis]
        what = f"an outline lies {mm:.2f} mm off the nearest slice, more than half of the spacing of {grid.spacing[axis]:.2f} mm"
        raise Refused("CONTOUR_PLACE", item, what, "name the series that was drawn on, or export the outlines on its slices")
    if not 0 <= place < grid.shape[axis]:
        what = "an outline lies beside the image"
        raise Refused("CONTOUR_PLACE", item, what, "name the series that was drawn on")
    return place


def _series_of(data: Dataset) -> str:
    frame = data.first("ReferencedFrameOfReferenceSequence")
    return frame.first("RTReferencedStudySequence").first("RTReferencedSeriesSequence").text("SeriesInstanceUID")
