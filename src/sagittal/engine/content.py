"""What of a volume is looked at: the box around what is not 0, or the lungs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import SOURCE, Refused
from sagittal.ops.lungs import lungs
from sagittal.ops.warp import ReadMap, gather

LUNGS_MM = 2.0
"""Lungs are looked for in samples of at least this size."""

MARGIN = 2
"""Samples of that size around the lungs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The part of a volume that is looked at.

    Args:
        place: Upright; what lies outside is cut off.
        mask: Inside of which samples are seen, on its own grid; None for all.
        grid: Of the mask.
    """

    place: Geometry
    mask: NDArray[np.bool_] | None = field(repr=False, default=None)
    grid: Geometry | None = None

    def on(self, grid: Geometry) -> NDArray[np.bool_]:
        """The mask on another grid; all of it where there is none."""
        if self.mask is None or self.grid is None:
            return np.ones(grid.shape, np.bool_)
        onto = ReadMap(shape=grid.shape, affine=grid.index_map(self.grid))
        inside: NDArray[np.bool_] = gather(self.mask[None].astype(np.float32), onto, outside=0.0)[0] >= 0.5
        return inside


def lungs_in(values: NDArray[Any], source: Geometry) -> Shown:
    """The lungs of a chest CT ``(C, *shape)`` in Hounsfield units, and the box around them.

    Raises:
        Refused: There are no lungs in it.
    """
    upright = source.upright()
    coarse = upright.with_spacing([max(LUNGS_MM, s) for s in upright.spacing])
    hu = gather(values[:1], ReadMap(shape=coarse.shape, affine=coarse.index_map(source)))[0]
    mask = lungs(hu, coarse.spacing)
    if not mask.any():
        what = "no lungs were found: nothing of at least 100 ml below -400 HU that does not touch the sides and is more than gas"
        raise Refused("NO_LUNGS", SOURCE, what, "leave out cases that are no chest CT, or prepare.region")
    box = content_of(mask[None])
    start = [max(0, a - MARGIN) for a in box.start]
    stop = [min(n, a + s + MARGIN) for n, a, s in zip(mask.shape, box.start, box.size, strict=True)]
    place = coarse.at(Window(tuple(start), tuple(b - a for a, b in zip(start, stop, strict=True))))
    return Shown(place=_as_fine_as(upright, place), mask=mask, grid=coarse)


def _as_fine_as(source: Geometry, place: Geometry) -> Geometry:
    """The same field of view with the source's own spacing."""
    return place.with_spacing(source.spacing)


def content_of(some: NDArray[Any]) -> Window:
    """The box around all samples that are not 0 in any channel of ``(C, *shape)``; everything where all are 0.

    >>> content_of(np.array([[[0, 0, 0], [0, 1, 1]]], np.uint8))
    Window(start=(1, 1), size=(1, 2))
    """
    n = some.ndim - 1
    start, size = [], []
    for axis in range(n):
        seen = np.flatnonzero(some.any(axis=tuple(a for a in range(n + 1) if a != axis + 1)))
        if not seen.size:
            return Window.whole(some.shape[1:])
        start.append(int(seen[0]))
        size.append(int(seen[-1] - seen[0] + 1))
    return Window(tuple(start), tuple(size))
