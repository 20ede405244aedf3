"""What was drawn on the training pictures, as far as a decision depends on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sagittal.core.case import Case
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.ops.overview import small_grid

MOST_TILES = 12
"""Training cases whose drawings are read; evenly spread."""

TELLING = frozenset({"mask", "objects", "outlines"})
"""What was said that has objects with a size."""


def across_of(manifest: Manifest, cases: Sequence[Case]) -> float | None:
    """Samples across the object that a drawn sample lies in on median: the diameter of a disc of its size; None without any.

    Each number of a mask that counts objects, and each outline, is an object; else the pieces that hang together are.
    """
    from sagittal.ops.components import components

    sizes: list[float] = []
    for case in cases:
        whole = image_of(case, manifest).geometry
        said, grid = manifest.annotation(case, like=whole), small_grid(whole)
        each = whole.shape[0] * whole.shape[1] / (grid.shape[0] * grid.shape[1])
        told = manifest.said in {"objects", "outlines"}
        numbers = said.instances_of(grid)[0] if told else components(said.mask_of(grid) > 0)[0]
        sizes += [n * each for n in np.bincount(np.asarray(numbers, dtype=np.int64).reshape(-1))[1:].tolist() if n]
    if not sizes:
        return None
    ordered = np.sort(sizes)
    middle = ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)]
    return 2 * math.sqrt(float(middle) / math.pi)
