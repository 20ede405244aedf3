"""Bends what is seen, smoothly and without folding it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.errors import UsageError
from sagittal.transforms._kinds import Floats, Geometric
from sagittal.transforms._ranges import Amount, Range, chance, from_zero, uniform

INJECTIVE = 0.4
"""Control displacements below this share of a cell cannot fold a cubic B-spline (Choi & Lee 2000: .48 in 2-D, .40 in 3-D)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Elastic(Geometric):
    """Random displacements at the points of a coarse grid, a cubic B-spline between them."""

    strength: Range
    cells: int
    p: float

    def affine(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """Nothing moves as a whole."""
        return None

    def field(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """Normal displacements, clipped where they would fold."""
        if rng.random() >= self.p:
            return None
        spacing, shape = np.array(grid.spacing), np.array(grid.shape)
        extent = spacing * shape
        cells = np.maximum(1, np.round(self.cells * extent / extent.max())).astype(int)
        spread = uniform(rng, self.strength) * extent.mean() / spacing
        limit = INJECTIVE * (shape - 1) / cells
        drawn = rng.standard_normal((grid.axes, *(cells + 3)))
        wide = (grid.axes, *(1,) * grid.axes)
        bent: Floats = np.clip(drawn * spread.reshape(wide), -limit.reshape(wide), limit.reshape(wide))
        return bent


def elastic(*, strength: Amount = 0.02, cells: int = 4, p: float = 1.0) -> Geometric:
    """A smooth random bend.

    Args:
        strength: Standard deviation of the control points' displacements, as a share of the mean extent;
            0.02 is from 0 to 0.02. Displacements that could fold the picture are cut off.
        cells: Cells of the control grid along the longest axis: more is finer.
        p: How likely.
    """
    if isinstance(cells, bool) or not isinstance(cells, int) or not 1 <= cells <= 64:
        raise UsageError("BAD_RANGE", "elastic.cells", f"{cells!r} is not a number of cells", "use a whole number from 1 to 64")
    return Elastic(strength=from_zero(strength, "elastic.strength"), cells=cells, p=chance(p, "elastic.p"))
