"""Mirrors along an axis of the world, every other time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sagittal.core.geometry import REMEMBERED, Geometry
from sagittal.errors import UsageError, nearest
from sagittal.transforms._kinds import Floats, Geometric
from sagittal.transforms._ranges import chance

WORLD = {"horizontal": 0, "vertical": 1, "depth": 2}
"""Names of the world's axes: a picture's x and y; in a volume left-right, back-front, foot-head."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip(Geometric):
    """Mirrors the grid along each axis asked for; None asks for all."""

    axes: tuple[str | int, ...] | None
    p: float

    def mirrors(self, axes: int) -> bool:
        """Whether left and right of samples of so many axes may change places."""
        # a picture's x is its second index axis, an upright volume's the first
        across = {"horizontal", 1 if axes == 2 else 0}
        return self.p > 0 and (self.axes is None or bool(across & set(self.axes)))

    def affine(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """One draw an axis."""
        chosen = range(grid.axes) if self.axes is None else [_index_axis(grid, a) for a in self.axes]
        turned = [axis for axis in chosen if rng.random() < self.p]
        if not turned:
            return None
        mirrored = np.eye(grid.axes + 1)
        for axis in turned:
            mirrored[axis, axis] *= -1
            mirrored[axis, grid.axes] = grid.shape[axis] - 1 - mirrored[axis, grid.axes]
        return mirrored


def flip(*, axes: str | int | Sequence[str | int] = "horizontal", p: float = 0.5) -> Geometric:
    """Mirrors along axes, each on its own draw.

    Args:
        axes: ``horizontal`` (left and right change places, also in a volume that lies turned in its
            file), ``vertical``, ``depth``, ``any`` (all axes), index axes such as 0, or a list.
        p: How likely, for each axis.

    Raises:
        UsageError: An axis that does not exist.
    """
    wanted = (axes,) if isinstance(axes, (str, int)) else tuple(axes)
    if "any" in wanted:
        return Flip(axes=None, p=chance(p, "flip.p"))
    for axis in wanted:
        if not (axis in WORLD or (isinstance(axis, int) and 0 <= axis < len(WORLD))):
            raise UsageError("UNKNOWN_AXIS", "flip.axes", f"there is no axis {axis!r}", nearest(str(axis), [*WORLD, "any"]))
    return Flip(axes=tuple(dict.fromkeys(wanted)), p=chance(p, "flip.p"))


@lru_cache(maxsize=REMEMBERED)
def _index_axis(grid: Geometry, axis: str | int) -> int:
    """The index axis that runs most nearly along the world's axis."""
    place = axis if isinstance(axis, int) else WORLD[axis]
    if place >= grid.axes:
        raise UsageError("UNKNOWN_AXIS", "flip.axes", f"a picture of {grid.axes} axes has no {axis}", "choose horizontal, vertical or any")
    if isinstance(axis, int):
        return axis
    along, spacing = grid.affine[place].tolist(), grid.spacing
    return max(range(grid.axes), key=lambda own: abs(along[own]) / spacing[own])
