"""The whole prepared case at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops.positions import Positions
from sagittal.windows._windowing import Windowing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Whole:
    one: ClassVar[bool] = True
    thin: ClassVar[None] = None
    fixed: ClassVar[bool] = True

    def draws(self, grid: Geometry) -> int:
        return 1

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, where: Positions | None) -> Window:
        return Window.whole(grid.shape)

    def cover(self, grid: Geometry) -> list[Window]:
        return [Window.whole(grid.shape)]


def whole() -> Windowing:
    """One window: everything.

    >>> whole().cover(Geometry.picture((4, 6)))
    [Window(start=(0, 0), size=(4, 6))]
    """
    return _Whole()
