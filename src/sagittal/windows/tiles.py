"""Tiles side by side, each of them a training sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops.positions import Positions
from sagittal.windows._windowing import Cover, Windowing, check_overlap, sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tiles:
    one: ClassVar[bool] = False
    thin: ClassVar[None] = None
    fixed: ClassVar[bool] = True

    grid: Cover

    def draws(self, grid: Geometry) -> int:
        return len(self.grid.windows(grid))

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, where: Positions | None) -> Window:
        return self.grid.windows(grid)[index]

    def cover(self, grid: Geometry) -> list[Window]:
        return self.grid.windows(grid)


def tiles(*, size: int | Sequence[int] = 128, overlap: float = 0.0) -> Windowing:
    """The same tiles for training and for the answer.

    Args:
        size: Samples along each axis; one number for all axes.
        overlap: The least share of a tile that it has in common with the next one.

    >>> len(tiles(size=64).cover(Geometry.picture((128, 192))))
    6
    """
    return _Tiles(grid=Cover(size=sizes(size), overlap=check_overlap(overlap)))
