"""The grid on which the frames of a segmentation lie: they are only there where something was drawn, and the image is larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry
from sagittal.errors import Refused
from sagittal.io.dicom._geometry import SAME_PLACE_MM, Stack, normal_of, volume_grid
from sagittal.io.dicom._planes import Plane

Floats = NDArray[np.float64]

_OFF = 0.1
"""How far off its place a frame may be, in slices: headers round."""
_MOST_SLICES = 2**16
_SAME_VOXEL_MM = 0.1


def placed(frames: Sequence[Plane], path: Path, like: Geometry | None) -> tuple[Geometry, list[int]]:
    """The grid ``(columns, rows, slices)`` from the first frame to the last, and the slice of each frame.

    Raises:
        Refused: Frames of different sizes, directions or in-plane positions; frames at uneven distances.
    """
    first = frames[0]
    _alike(frames, path)
    normal = normal_of(first)
    along = np.array([np.dot(np.array(f.position), normal) for f in frames])
    step = _step(along, first, like)
    if step is None:
        what = "the frames of the segmentation lie at uneven distances, or off the slices of the image"
        raise Refused("SEG_SPACING", path, what, "export it on the slices of the image that it was drawn on")
    slots = np.rint((along - along.min()) / step).astype(int)
    if slots.max() >= _MOST_SLICES:
        raise Refused("SEG_SPACING", path, f"its frames span {slots.max() + 1:,} slices", "export it again")
    ends = (int(slots.argmin()), int(slots.argmax()))
    return _between(frames[ends[0]], frames[ends[1]], int(slots.max()) + 1, step, normal), slots.tolist()


def laid(values: NDArray[Any], own: Geometry, like: Geometry, *, ground: int) -> NDArray[Any] | None:
    """The numbers on the grid of the image, whose other voxels are background; None where they do not lie on its voxels.

    Axes may run otherwise. Whatever is off by more than a tenth of a millimetre, or sticks out, is no part of the image.

    Args:
        values: On the grid of the segmentation.
        own: That grid.
        like: That of the image.
        ground: The number of the background.
    """
    if own.axes != like.axes or own.unit != like.unit:
        return None
    exact = own.index_map(like)
    whole = np.rint(exact)
    turn, start = whole[: own.axes, : own.axes], whole[: own.axes, own.axes]
    if not np.array_equal(np.abs(turn) @ np.abs(turn).T, np.eye(own.axes)):
        return None
    near = Geometry(shape=own.shape, affine=like.affine @ whole, unit=own.unit, frame=own.frame)
    ends = np.stack([start, turn @ (np.array(own.shape) - 1) + start])
    if not own.same_grid(near, tolerance=_SAME_VOXEL_MM) or ends.min() < 0 or (ends.max(axis=0) >= like.shape).any():
        return None
    axes = [int(np.abs(row).argmax()) for row in turn]
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(ends.min(axis=0), ends.max(axis=0), strict=True))
    flips = tuple(n for n, axis in enumerate(axes) if turn[n, axis] < 0)
    made = np.full(like.shape, ground, values.dtype)
    made[box] = np.flip(values.transpose(axes), flips)
    return made


def _between(start: Plane, end: Plane, depth: int, step: float, normal: Floats) -> Geometry:
    alone = depth == 1
    other = np.array(start.position) + normal * step if alone else np.array(end.position)
    slots = (0, 1 if alone else depth - 1)
    last = replace(end, position=(float(other[0]), float(other[1]), float(other[2])))
    grid = volume_grid([start, last], Stack(order=(0, 1), along=(0.0, 1.0), slots=slots, even=True, straight=True))
    return Geometry(shape=(*grid.shape[:2], depth), affine=grid.affine, unit=grid.unit, frame=grid.frame)


def _alike(frames: Sequence[Plane], path: Path) -> None:
    first = frames[0]
    directions = np.array([f.orientation for f in frames])
    spacings = np.array([f.spacing for f in frames])
    if np.abs(directions - directions[0]).max() > 1e-3 or np.abs(spacings - spacings[0]).max() > 1e-3 * spacings[0].min():
        raise Refused("SEG_MIXED", path, "its frames have different directions or pixel sizes", "export each orientation by itself")
    positions = np.array([f.position for f in frames])
    normal = normal_of(first)
    flat = positions - positions[0]
    flat = flat - np.outer(flat @ normal, normal)
    # a tilted gantry moves the slices sideways evenly; that is in the grid. Anything else is not
    along = (positions - positions[0]) @ normal
    far = int(np.abs(along).argmax())
    shear = flat[far] / along[far] if abs(along[far]) > SAME_PLACE_MM else np.zeros(3)
    if np.abs(flat - np.outer(along, shear)).max() > 0.5 * spacings[0].min():
        raise Refused("SEG_MIXED", path, "its frames begin at different corners of the plane", "export it on the grid of the image")


def _step(along: Floats, first: Plane, like: Geometry | None) -> float | None:
    """The distance between slices: of the image where its slices are these, else as the header says, else the smallest gap."""
    gaps = np.diff(np.unique(np.round(along / SAME_PLACE_MM) * SAME_PLACE_MM))
    gaps = gaps[gaps > 2 * SAME_PLACE_MM]
    own = [abs(first.between), *([float(gaps.min())] if len(gaps) else [first.thickness])]
    candidates = [*_like_steps(first, like), *own]
    for step in (s for s in candidates if s > 2 * SAME_PLACE_MM):
        places = (along - along.min()) / step
        if np.abs(places - np.rint(places)).max() <= _OFF:
            return float(step) if not len(gaps) else _refined(along, step)
    return 1.0 if not len(gaps) else None


def _refined(along: Floats, step: float) -> float:
    """The step that the outermost frames give: headers round."""
    whole = along.max() - along.min()
    return float(whole / np.rint(whole / step))


def _like_steps(first: Plane, like: Geometry | None) -> list[float]:
    """The spacing of the image along the axis that its slices are stacked on, where the frames are parallel to them."""
    if like is None or like.axes != 3:
        return []
    normal = normal_of(first) * np.array([-1.0, -1.0, 1.0])
    across = [np.cross(like.affine[:3, (a + 1) % 3], like.affine[:3, (a + 2) % 3]) for a in range(3)]
    units = [c / np.linalg.norm(c) for c in across]
    best = max(range(3), key=lambda a: abs(float(units[a] @ normal)))
    if abs(float(units[best] @ normal)) < 0.999:
        return []
    return [abs(float(like.affine[:3, best] @ units[best]))]
