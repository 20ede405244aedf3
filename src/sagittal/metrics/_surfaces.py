"""Two surfaces compared: how far apart they are, in world units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from sagittal.core import Geometry
from sagittal.ops.surface import Distances, areas, cells, distances

Convention = Literal["surface-distance", "monai"]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

SAID: dict[Convention, str] = {
    "surface-distance": "surface pieces between the samples, weighted by their area, as in the surface-distance package",
    "monai": "border samples by erosion, each counting the same, as in MONAI",
}
"""Where the surface is put and what each of its points counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surfaces:
    """The distances between two surfaces, both ways.

    Args:
        there: From the surface of the truth to that of the answer.
        back: From the answer's to the truth's.
        convention: Where the surfaces are put.
    """

    there: Distances
    back: Distances
    convention: Convention

    def reach(self, share: float) -> float:
        """The larger of the distances within which this share of each surface lies (1: the Hausdorff distance)."""
        between = self.convention == "monai"
        return max(_quantile(way, share, between=between) for way in (self.there, self.back))

    def mean(self) -> float:
        """The mean distance over both surfaces together."""
        lengths, weights = (np.concatenate([getattr(way, of) for way in (self.there, self.back)]) for of in ("lengths", "areas"))
        return float(lengths @ weights / weights.sum())

    def within(self, tolerance: float) -> float:
        """The share of both surfaces that lies no farther than this from the other."""
        # A distance that equals the tolerance but for rounding is within.
        near = sum(float(way.areas[way.lengths <= tolerance * (1 + 1e-9)].sum()) for way in (self.there, self.back))
        return near / float(self.there.areas.sum() + self.back.areas.sum())


def surfaces(truth: Mask, answer: Mask, grid: Geometry, convention: Convention) -> Surfaces:
    """The distances between the surfaces of two masks; neither may be empty.

    Args:
        truth: On two or three axes; what lies off it is outside.
        answer: Of the same shape.
        grid: Whose affine says how far samples are apart; slanted grids are measured as they are.
        convention: Where the surface is put.

    Raises:
        ValueError: The masks have another number of axes.

    >>> one, other = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    >>> one[4, 2] = other[4, 4] = True
    >>> surfaces(one, other, Geometry.picture((9, 9)), "surface-distance").reach(1)
    2.0
    """
    if truth.ndim not in {2, 3}:
        raise ValueError(f"a surface needs two or three axes, and the masks have {truth.ndim}")
    flat = truth.ndim == 2
    linear, weights = linear_of(grid, convention)
    maps = [marks_of(mask[None] if flat else mask, convention, flat=flat) for mask in (truth, answer)]
    return Surfaces(
        there=distances(maps[0], maps[1], linear, weights), back=distances(maps[1], maps[0], linear, weights), convention=convention
    )


def linear_of(grid: Geometry, convention: Convention) -> tuple[Floats, Floats]:
    """``(3, 3)`` from indices to the world, and what a point counts by its byte, ``(256,)``; of a picture the first axis is one long."""
    linear = np.eye(3)
    linear[3 - grid.axes :, 3 - grid.axes :] = grid.affine[:-1, :-1]
    return linear, areas(linear) if convention == "surface-distance" else np.ones(256)


def marks_of(mask: Mask, convention: Convention, *, flat: bool) -> NDArray[np.uint8]:
    """A map whose non-zero bytes are the points of a mask's surface, one longer along axes where they lie between samples."""
    return cells(mask, flat=flat) if convention == "surface-distance" else _border(mask, flat=flat)


def _border(mask: Mask, *, flat: bool) -> NDArray[np.uint8]:
    """The samples of a mask with a neighbour along an axis outside of it."""
    inner: Mask = binary_erosion(mask[0])[None] if flat else binary_erosion(mask)
    return (mask & ~inner).view(np.uint8)


def _quantile(way: Distances, share: float, *, between: bool) -> float:
    """The distance within which a share of a surface lies; between two distances where points count by number."""
    reached = np.cumsum(way.areas)
    if not between:
        at = int(np.searchsorted(reached, share * reached[-1]))
        return float(way.lengths[min(at, len(reached) - 1)])
    place = share * (round(float(reached[-1])) - 1)
    low, high = (way.lengths[np.searchsorted(reached, f(place), side="right")] for f in (np.floor, np.ceil))
    return float(low + (high - low) * (place % 1))
