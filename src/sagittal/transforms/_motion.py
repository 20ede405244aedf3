"""Turning, zooming, shifting and shearing in the grid's own units, about its centre."""

from __future__ import annotations

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
        linear = np.eye(grid.axes)
        for plane in combinations(range(grid.axes), 2):
            if self.degrees != NOTHING:
                linear = linear @ _turn(grid.axes, plane, np.deg2rad(uniform(rng, self.degrees)))
            if self.shear != NOTHING:
                linear = linear @ _shear(grid.axes, plane, np.deg2rad(uniform(rng, self.shear)))
        if self.zoom != SAME:
            linear = linear / log_uniform(rng, self.zoom)
        moved = np.zeros(grid.axes)
        if self.shift != NOTHING:
            moved = rng.uniform(*self.shift, size=grid.axes) * np.array(grid.shape)
        return about_centre(grid, linear, moved)


def about_centre(grid: Geometry, linear: Floats, moved: Floats) -> Floats:
    """The index affine that reads through ``linear``, given in physical units along the grid's axes, about its centre.

    Args:
        grid: Its spacing keeps a turn a turn where the axes are sampled differently.
        linear: ``(n, n)``.
        moved: How many samples what is seen has moved along each axis, ``(n,)``.
    """
    n = grid.axes
    spacing = np.array(grid.spacing)
    centre = (np.array(grid.shape) - 1) / 2
    affine = np.eye(n + 1)
    affine[:n, :n] = linear * spacing / spacing[:, None]
    affine[:n, n] = centre - affine[:n, :n] @ (centre + moved)
    return affine


def _turn(axes: int, plane: tuple[int, int], angle: float) -> Floats:
    turned = np.eye(axes)
    a, b = plane
    turned[a, a] = turned[b, b] = np.cos(angle)
    turned[a, b], turned[b, a] = np.sin(angle), -np.sin(angle)
    return turned


def _shear(axes: int, plane: tuple[int, int], angle: float) -> Floats:
    sheared = np.eye(axes)
    sheared[plane[1], plane[0]] = np.tan(angle)
    return sheared
