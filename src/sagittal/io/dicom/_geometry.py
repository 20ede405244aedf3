"""From the positions of slices to a grid in the world: PS3.3 C.7.6.2.1.1, and nothing else.

Neither file names, nor instance numbers, nor the slice thickness say where a slice lies: gaps and overlaps exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry
from sagittal.io.dicom._planes import Plane, cross

Floats = NDArray[np.float64]

SAME_PLACE_MM = 1e-3
"""Slices closer than this lie at the same place."""

MOST_FINER = 8
"""A resampled volume has at most this many times the slices: two positions nearly the same must not fill the memory."""

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LETTERS = ("LR", "PA", "SI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Slices in the order of their positions along the normal.

    Args:
        order: Which slice comes first, second ...; none of them twice at a place.
        along: Their positions along the normal in mm, ascending.
        slots: Which place of the grid each takes; places left out are missing slices.
        even: Whether they lie at even distances (gaps apart).
        straight: Whether each lies where a straight line through the first and the last one puts it.
    """

    order: tuple[int, ...]
    along: tuple[float, ...]
    slots: tuple[int, ...]
    even: bool
    straight: bool

    @property
    def depth(self) -> int:
        """Slices of the grid, missing ones included."""
        return self.slots[-1] + 1 if self.slots else 0

    @property
    def missing(self) -> tuple[int, ...]:
        """The places without a slice."""
        return tuple(sorted(set(range(self.depth)) - set(self.slots)))


def stack(planes: Sequence[Plane]) -> Stack:
    """Sort slices of one orientation, each with a position of its own, by position.

    Even means that no slice is off its place by more than a tenth of the spacing (0.2 mm at most): headers round.
    """
    normal = normal_of(planes[0])
    positions = np.array([plane.position for plane in planes], dtype=np.float64)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    along, positions = along[order], positions[order]
    gaps = np.diff(along)
    slots, even = _slots(gaps)
    straight = True
    if even and len(planes) > 1:
        line = positions[0] + np.outer(slots / slots[-1], positions[-1] - positions[0])
        straight = bool(np.abs(positions - line).max() <= _tolerance(float((along[-1] - along[0]) / slots[-1])))
    return Stack(
        order=tuple(order.tolist()), along=tuple(along.tolist()), slots=tuple(slots.astype(int).tolist()), even=even, straight=straight
    )


def _slots(gaps: Floats) -> tuple[Floats, bool]:
    """The place of each slice on an even grid, and whether there is such a grid."""
    n = len(gaps) + 1
    plain = np.arange(n, dtype=np.float64)
    if n <= 2:
        return plain, True
    if _fits(gaps, plain):
        return plain, True
    steps = np.rint(gaps / gaps.min())
    slots = np.concatenate([[0.0], np.cumsum(steps)])
    # a quarter of the slices lost is a gap; more is another way of spacing them
    few = slots[-1] + 1 - n <= max(1, n // 4)
    return (slots, True) if few and _fits(gaps, slots) else (plain, False)


def _fits(gaps: Floats, slots: Floats) -> bool:
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    step = along[-1] / slots[-1]
    return bool(np.abs(along - slots * step).max() <= _tolerance(float(step)))


def _tolerance(step: float) -> float:
    return max(min(0.1 * step, 0.2), SAME_PLACE_MM)


def volume_grid(planes: Sequence[Plane], found: Stack) -> Geometry:
    """The grid ``(columns, rows, slices)`` of slices at even distances; its world is RAS+ in mm.

    The step from slice to slice is the whole vector between their positions, so that a tilted gantry keeps its shear.
    A slice that stands alone is as thick as the distance to the next one would be, else as its header says, else 1 mm.
    """
    first, last = planes[found.order[0]], planes[found.order[-1]]
    start = np.array(first.position, dtype=np.float64)
    if found.depth > 1:
        step = (np.array(last.position, dtype=np.float64) - start) / (found.depth - 1)
    else:
        step = normal_of(first) * (max(first.between, 0.0) or first.thickness or abs(first.between) or 1.0)
    return _grid(first, start, step, found.depth)


def resampled_grid(planes: Sequence[Plane], found: Stack) -> tuple[Geometry, Floats]:
    """An even grid for slices at uneven distances, as fine as the finest of them; and where each of its slices reads.

    Returns:
        The grid, and for each of its slices the fractional number of the sorted slice that it reads.
    """
    first = planes[found.order[0]]
    positions = np.array([planes[n].position for n in found.order], dtype=np.float64)
    along = np.array(found.along)
    step = max(float(np.diff(along).min()), float(along[-1] - along[0]) / (MOST_FINER * len(along)))
    depth = int(np.floor((along[-1] - along[0]) / step + 1e-6)) + 1
    vector = (positions[-1] - positions[0]) / (along[-1] - along[0]) * step
    reads = np.interp(along[0] + step * np.arange(depth), along, np.arange(len(along)))
    return _grid(first, positions[0], vector, depth), reads


def _grid(plane: Plane, start: Floats, step: Floats, depth: int) -> Geometry:
    directions, spacing = plane.orientation or (), plane.spacing or (1.0, 1.0)
    affine = np.eye(4)
    # the column index grows along the row's direction, by the distance between columns
    affine[:3, 0] = np.array(directions[:3]) * spacing[1]
    affine[:3, 1] = np.array(directions[3:]) * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, start
    rows, columns = plane.shape
    return Geometry(shape=(columns, rows, depth), affine=_LPS_TO_RAS @ affine, unit="mm", frame="patient")


def normal_of(plane: Plane) -> Floats:
    """The direction in which slices are sorted (LPS)."""
    directions = plane.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    return np.array(cross(directions[:3], directions[3:]), dtype=np.float64)


def letters(geometry: Geometry) -> str:
    """Where each index axis runs to, as letters of the patient's sides.

    >>> letters(Geometry(shape=(2, 2, 2), affine=np.diag([-1.0, -1.0, 1.0, 1.0]), unit="mm", frame="patient"))
    'LPS'
    """
    if geometry.axes != 3 or geometry.frame != "patient":
        return ""
    sides = []
    for axis in range(3):
        column = geometry.affine[:3, axis] * np.array([-1.0, -1.0, 1.0])
        most = int(np.argmax(np.abs(column)))
        sides.append(_LETTERS[most][0 if column[most] > 0 else 1])
    return "".join(sides)


def tilt_degrees(geometry: Geometry) -> float:
    """The angle between the step from slice to slice and the slices' normal."""
    normal = np.cross(geometry.affine[:3, 0], geometry.affine[:3, 1])
    step = geometry.affine[:3, 2]
    cosine = abs(float(normal @ step)) / float(np.linalg.norm(normal) * np.linalg.norm(step))
    return float(np.degrees(np.arccos(min(cosine, 1.0))))
