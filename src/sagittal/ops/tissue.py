"""Where there is tissue on a slide."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.ops.overview import overview

LONGEST = 1024
"""Samples along the longer side of the overview that tissue is looked for in."""

LEAST_PIECE = 2e-4
"""Pieces that cover a smaller share of the slide are dust; holes of that size in tissue are tissue."""

LEAST_DENSITY = 0.06
"""Optical density (to base 10) below which nothing is tissue, whatever the threshold: glass and unstained mounting medium."""

MOST_DENSITY = 0.12
"""Optical density from which on something is tissue, whatever the threshold, as on a slide that tissue fills."""

SOFT = 1.5
"""Samples of the overview over which densities are smoothed, so that gaps between fibres belong to their tissue."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tissue:
    """A mask of tissue on a coarse grid over a slide.

    Args:
        mask: ``shape``.
        doubtful: Samples in colours that no stain of tissue has: pen marks, mostly; not part of ``mask``.
        geometry: Of both.
        threshold: The optical density that parts tissue from glass.
    """

    mask: Mask
    doubtful: Mask
    geometry: Geometry
    threshold: float
    _sums: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sums = np.zeros(tuple(n + 1 for n in self.mask.shape), np.int64)
        sums[1:, 1:] = self.mask.astype(np.int64).cumsum(axis=0).cumsum(axis=1)
        object.__setattr__(self, "_sums", sums)

    @property
    def covered(self) -> float:
        """The share of the slide that is tissue."""
        return float(self.mask.mean())

    def share(self, place: Geometry) -> float:
        """The share of a place, a part of a grid along the slide's axes, that is tissue; what lies off the slide is none."""
        ends = self.geometry.to_index(place.to_world([[-0.5] * 2, [n - 0.5 for n in place.shape]])) + 0.5
        low, high = ends.min(axis=0), ends.max(axis=0)
        area = float(np.prod(high - low))
        start = [min(max(math.floor(a + 1e-6), 0), n) for a, n in zip(low, self.mask.shape, strict=True)]
        stop = [min(max(math.ceil(b - 1e-6), 0), n) for b, n in zip(high, self.mask.shape, strict=True)]
        counted = float(self._count(start, stop))
        whole = float(max(1, (stop[0] - start[0]) * (stop[1] - start[1])))
        # Samples of the mask that the place touches: a tile smaller than one of them is still answered
        inside = np.prod(np.clip(np.minimum(high, self.mask.shape) - np.maximum(low, 0), 0, None))
        return counted / whole * float(inside) / area if area else 0.0

    def _count(self, start: list[int], stop: list[int]) -> int:
        (a, b), (c, d), sums = start, stop, self._sums
        return int(sums[c, d] - sums[a, d] - sums[c, b] + sums[a, b]) if c > a and d > b else 0


def tissue_of(image: Image) -> Tissue:
    """The tissue on a slide or a tile in colours.

    Tissue is where an overview of the image is darker than glass: the optical density of the colour that is absorbed most,
    slightly smoothed, over Otsu's threshold (kept
    within ``LEAST_DENSITY`` and ``MOST_DENSITY``). Small pieces are dropped and small holes filled.
    What is blue, green, or black without any colour is no haematoxylin and no eosin: it is left out, and noted as doubtful.

    Args:
        image: Red, green and blue first, of 8 bits; grey ones are taken as they are.

    Source: Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9 (1979).
    """
    small = overview(image, longest=LONGEST)
    values = small.read()
    colours = values[:3] if len(values) >= 3 else np.repeat(values[:1], 3, axis=0)
    full = 255.0 if colours.dtype == np.uint8 else float(max(1.0, colours.max()))
    density = -np.log10(np.clip(colours.astype(np.float32) / full, 1 / 256, 1.0))
    # Pale eosin absorbs hardly anything but green: the mean of the colours would take it for glass.
    deepest = ndimage.gaussian_filter(density.max(axis=0), SOFT)
    doubtful = marks(density) if len(values) >= 3 else np.zeros(deepest.shape, np.bool_)
    rest = deepest[~doubtful]
    threshold = min(max(otsu(rest) if rest.size else 0.0, LEAST_DENSITY), MOST_DENSITY)
    dark = deepest > threshold
    least = max(1, round(LEAST_PIECE * dark.size))
    mask = _without_small(dark & ~doubtful, least)
    mask = ~_without_small(~mask & ~doubtful, least) & ~doubtful
    return Tissue(mask=mask, doubtful=_without_small(doubtful, least), geometry=small.geometry, threshold=threshold)


def marks(density: NDArray[np.float32]) -> Mask:
    """Where optical densities ``(3, *shape)`` are those of ink: blue or green absorbs least by far, or all colours alike.

    Haematoxylin and eosin both absorb green most; ink of a blue or green pen absorbs red most, and black ink everything.
    """
    red, green, blue = density
    coloured = (red > 1.15 * green) & (red > 0.25)
    black = (density.min(axis=0) > 0.9) & (density.max(axis=0) < 1.25 * density.min(axis=0))
    found: Mask = coloured | black | ((green < 0.6 * blue) & (blue > 0.4))
    return found


def otsu(values: NDArray[np.float32], *, bins: int = 256) -> float:
    """The threshold that parts values into two groups with the least variance within them.

    >>> bool(0.2 < otsu(np.array([0.0, 0.1, 0.1, 0.9, 1.0], np.float32)) < 0.9)
    True
    """
    counts, edges = np.histogram(values, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    moment = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (moment / below - (moment[-1] - moment) / above) ** 2
    apart = np.nan_to_num(apart[:-1])
    # Between two groups far apart many thresholds are equally good: the middle one is taken.
    best = np.flatnonzero(apart >= apart.max() * (1 - 1e-9)) if apart.size else np.array([0])
    return float(edges[1 + round(float(best.mean()))])


def _without_small(mask: Mask, least: int) -> Mask:
    numbers, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    kept: Mask = (sizes >= least)[numbers]
    return kept
