"""Lungs in a chest CT: air that does not reach the outside, closed over the vessels and nodules in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sagittal.ops.components import components

AIR_HU = -400.0
"""Half-way between lung (about -850) and soft tissue (about 50)."""

LEAST_ML = 100.0
"""A smaller piece of air is bowel, airway or stomach."""

GAS_HU = -950.0
"""Half of a piece below this is gas in bowel or stomach (-967 to -974 in an abdominal CT whose lung bases had -777 and -796): at the
same number emphysema begins, and lungs of which it is more than half are hardly seen."""

CLOSED_MM = 8.0
"""Vessels and nodules up to about twice as wide are lung, also where they touch the wall."""


def lungs(hu: NDArray[np.floating], spacing: Sequence[float]) -> NDArray[np.bool_]:
    """The mask of the lungs in an upright volume; empty where there are none.

    Air is what lies below -400 HU. Pieces that touch the sides of the field of view are the room, not the patient; lungs
    may be cut off at the top and the bottom. Pieces of pure gas lie in the bowel. Of the others the largest stays, with those of
    at least a tenth of it, and is closed. Meant for grids of about 2 mm, on which it takes a fraction of a second.

    Args:
        hu: ``(i, j, k)`` Hounsfield units, axes to the right, front and head.
        spacing: In mm.

    >>> chest = np.full((48, 40, 40), 40.0)
    >>> chest[:2] = chest[-2:] = -1000
    >>> chest[6:20, 8:32, 5:35] = chest[28:42, 8:32, 5:35] = -850
    >>> chest[12:15, 18:21, 18:21] = 30
    >>> found = lungs(chest, (3.0, 3.0, 3.0))
    >>> int(found.sum()) == 2 * 14 * 24 * 30
    True
    """
    pieces, n = components(hu < AIR_HU, connectivity="faces")
    sizes = np.bincount(pieces.reshape(-1), minlength=n + 1).astype(np.float64)
    sizes[0] = 0
    for side in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        sizes[np.unique(side)] = 0
    ml = sizes * float(np.prod(spacing)) / 1000
    for piece in np.flatnonzero(ml >= LEAST_ML):
        if np.median(hu[pieces == piece]) < GAS_HU:
            ml[piece] = 0.0
    kept = (ml >= LEAST_ML) & (ml >= 0.1 * ml.max(initial=0.0))
    found: NDArray[np.bool_] = kept[pieces]
    if not found.any():
        return found
    # Closing by distances: a ball in mm whatever the spacing. Padding, or the border of the grid would count as lung.
    width = [int(np.ceil(CLOSED_MM / s)) + 1 for s in spacing]
    padded = np.pad(found, [(w, w) for w in width])
    grown = ndimage.distance_transform_edt(~padded, sampling=spacing) <= CLOSED_MM
    closed = ndimage.distance_transform_edt(grown, sampling=spacing) > CLOSED_MM
    inside = tuple(slice(w, -w) for w in width)
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes((closed | padded)[inside])
    return filled
