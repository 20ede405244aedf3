"""Enlarges a part of random size, shape and place to the whole grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.transforms._kinds import Floats, Geometric
from sagittal.transforms._ranges import Amount, Range, around_one, chance, log_uniform, share, uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class ResizedCrop(Geometric):
    """A box inside the grid, read onto all of it."""

    scale: Range
    ratio: Range
    p: float

    def affine(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """Outer edges of box and grid coincide."""
        if rng.random() >= self.p:
            return None
        n = grid.axes
        part = uniform(rng, self.scale)
        sides = [min(part ** (1 / n) * stretch, 1.0) for stretch in self._stretch(part, n, rng)]
        affine = [[0.0] * (n + 1) for _ in range(n)] + [[0.0] * n + [1.0]]
        for axis, (side, samples) in enumerate(zip(sides, grid.shape, strict=True)):
            affine[axis][axis] = side
            affine[axis][n] = rng.random() * (1 - side) * samples + (side - 1) / 2
        return np.array(affine)

    def finest(self, axes: int) -> float:
        """Of the smallest part, the mean over the axes."""
        return math.exp(math.log(self.scale[0]) / axes)

    def _stretch(self, part: float, axes: int, rng: np.random.Generator) -> list[float]:
        """How much longer than the others each side is; the product is one, and in the plane the box always fits."""
        if axes == 2:
            low, high = max(self.ratio[0], part), min(self.ratio[1], 1 / part)
            root = math.sqrt(log_uniform(rng, (low, high)) if low < high else min(max(1.0, self.ratio[0]), self.ratio[1]))
            return [1 / root, root]
        drawn = [math.sqrt(log_uniform(rng, self.ratio)) for _ in range(axes)]
        mean = math.prod(drawn) ** (1 / axes)
        return [d / mean for d in drawn]


def resized_crop(*, scale: Amount = (0.8, 1.0), ratio: Amount = (3 / 4, 4 / 3), p: float = 1.0) -> Geometric:
    """A crop of random size and shape, resized to the grid: torchvision's RandomResizedCrop in one read.

    Ratios are relative to the grid, so that a wide picture is cropped to wide parts; torchvision's are absolute,
    and fall back to a centre crop where no box fits. Here the ratio is drawn from those that fit.

    Args:
        scale: Share of the area (or volume) that the part has; 0.8 is always 0.8.
        ratio: Width by height, relative to the grid's.
        p: How likely.
    """
    return ResizedCrop(
        scale=share(scale, "resized_crop.scale"), ratio=around_one(ratio, "resized_crop.ratio"), p=chance(p, "resized_crop.p")
    )
