"""Turning, zooming, shifting and shearing in the grid's own units, about its centre."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.transforms._kinds import Floats, Geometric
from sagittal.transforms._ranges import Range, log_uniform, uniform

NOTHING: Range = (0.0, 0.0)
SAME: Range = (1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Motion(Geometric):
    """A rigid-like motion of what is seen; the grid stands still.

    Args:
        degrees: Of the turn, in every plane of two axes; positive is counter-clockwise on a screen (y down).
        zoom: Factor by which everything grows.
        shift: Along every axis, in shares of the grid's extent.
        shear: Degrees, in every plane.
        p: How likely anything happens.
    """

    degrees: Range = NOTHING
    zoom: Range = SAME
    shift: Range = NOTHING
    shear: Range = NOTHING
    p: float = 1.0

    def affine(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """The reading map, so the inverse of the motion."""
        if rng.random() >= self.p:
            return None
        n = grid.axes
        linear = [[float(a == b) for b in range(n)] for a in range(n)]
        for plane in combinations(range(n), 2):
            if self.degrees != NOTHING:
                angle = math.radians(uniform(rng, self.degrees))
                along, across = math.cos(angle), math.sin(angle)
                _mix(linear, plane, ((along, across), (-across, along)))
            if self.shear != NOTHING:
                _mix(linear, plane, ((1.0, 0.0), (math.tan(math.radians(uniform(rng, self.shear))), 1.0)))
        size = log_uniform(rng, self.zoom) if self.zoom != SAME else 1.0
        still = self.shift == NOTHING
        moved = [0.0 if still else uniform(rng, self.shift) * samples for samples in grid.shape]
        return about_centre(grid, linear if size == 1.0 else [[v / size for v in row] for row in linear], moved)

    def finest(self, axes: int) -> float:
        """Of the largest zoom."""
        return 1 / self.zoom[1]


def about_centre(grid: Geometry, linear: Sequence[Sequence[float]], moved: Sequence[float]) -> Floats:
    """The index affine that reads through ``linear``, given in physical units along the grid's axes, about its centre.

    Plain numbers: for so few of them numpy would take longer.

    Args:
        grid: Its spacing keeps a turn a turn where the axes are sampled differently.
        linear: ``(n, n)``.
        moved: How many samples what is seen has moved along each axis, ``(n,)``.
    """
    spacing = grid.spacing
    centre = [(samples - 1) / 2 for samples in grid.shape]
    middle = list(map(operator.add, centre, moved))
    rows = []
    for row, own, half in zip(linear, spacing, centre, strict=True):
        scaled = [v * other / own for v, other in zip(row, spacing, strict=True)]
        rows.append([*scaled, half - sum(map(operator.mul, scaled, middle))])
    return np.array([*rows, [0.0] * len(centre) + [1.0]])


def _mix(linear: list[list[float]], plane: tuple[int, int], by: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Multiply from the right with a map of one plane, in place."""
    a, b = plane
    for row in linear:
        row[a], row[b] = row[a] * by[0][0] + row[b] * by[1][0], row[a] * by[0][1] + row[b] * by[1][1]
