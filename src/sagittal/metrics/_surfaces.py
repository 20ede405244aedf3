"""Distances between the surfaces of two masks, in world units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree

from sagittal.core import Geometry, Labels
from sagittal.core.annotation import IGNORE
from sagittal.metrics._case import ABSENT, ADDED, MISSED, Mask, Measure
from sagittal.metrics._intervals import Floats


def of_surfaces(summary: Callable[[Floats, Floats], float]) -> Measure:
    """A measure from the distances of the true surface to the answered one, and back.

    The surface of a mask are its samples with a neighbour along an axis outside of it; what lies off the grid is
    outside. Samples of which nothing is known count as outside of both. Undefined for a class that truth or answer
    does not hold. Distances are between centres, by the grid's affine: slanted grids are measured as they are.
    """

    def measure(truth: Mask, answer: Mask, grid: Geometry, labels: Labels) -> dict[str, float | str]:
        if truth.shape != answer.shape or truth.shape != grid.shape:
            raise ValueError(f"truth {truth.shape}, answer {answer.shape} and grid {grid.shape} differ")
        known = truth != IGNORE
        found: dict[str, float | str] = {}
        for k, name in enumerate(labels.classes):
            if name != labels.background:
                found[name] = _of_masks(truth == k, (answer == k) & known, grid, summary)
        return found

    return measure


def distances(truth: NDArray[np.bool_], answer: NDArray[np.bool_], grid: Geometry) -> tuple[Floats, Floats]:
    """From each surface sample of one mask to the nearest of the other, both ways; neither may be empty."""
    one, other = grid.to_world(surface(truth)), grid.to_world(surface(answer))
    there: Floats = KDTree(other).query(one)[0]
    back: Floats = KDTree(one).query(other)[0]
    return there, back


def surface(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices ``(n, axes)`` of the samples of a mask with a neighbour outside of it.

    >>> len(surface(np.ones((4, 4), dtype=bool)))
    12
    """
    if not mask.any():
        return np.zeros((0, mask.ndim), dtype=np.intp)
    low, high = np.array([(w.min(), w.max() + 1) for w in np.nonzero(mask)]).T
    box = np.pad(mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], 1)
    found: NDArray[np.intp] = np.argwhere(box & ~binary_erosion(box)) - 1 + low
    return found


def _of_masks(
    truth: NDArray[np.bool_], answer: NDArray[np.bool_], grid: Geometry, summary: Callable[[Floats, Floats], float]
) -> float | str:
    in_truth, in_answer = bool(truth.any()), bool(answer.any())
    if not in_truth:
        return ADDED if in_answer else ABSENT
    return summary(*distances(truth, answer, grid)) if in_answer else MISSED
