"""Answers of windows, merged into the answer of a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window


class Merger(Protocol):
    """Takes the scores of windows one by one and gives the scores of the case."""

    def add(self, window: Window, scores: NDArray[np.float32]) -> None:
        """Take the scores of one window."""
        ...

    def scores(self) -> NDArray[np.float32]:
        """The scores of the whole grid."""
        ...


class Vote:
    """The mean of the windows' scores, for answers that have no axes.

    >>> vote = Vote(Geometry.none())
    >>> vote.add(Window((), ()), np.array([0.2, 0.8], np.float32))
    >>> vote.scores().tolist() == np.array([0.2, 0.8], np.float32).tolist()
    True
    """

    def __init__(self, grid: Geometry) -> None:
        self._sum: NDArray[np.float64] | None = None
        self._n = 0

    def add(self, window: Window, scores: NDArray[np.float32]) -> None:
        """Take the scores ``(K,)`` of one window."""
        self._sum = scores.astype(np.float64) if self._sum is None else self._sum + scores
        self._n += 1

    def scores(self) -> NDArray[np.float32]:
        """The mean, ``(K,)``."""
        if self._sum is None:
            raise ValueError("no window was added")
        mean: NDArray[np.float32] = (self._sum / self._n).astype(np.float32)
        return mean


class Stitch:
    """Scores on a grid: a weighted mean where windows overlap, with less weight towards their borders.

    The weights are separable, a Gaussian of an eighth of the window along each axis (as nnU-Net uses),
    and never below a thousandth, so that a sample seen by one window only is always defined.
    """

    def __init__(self, grid: Geometry) -> None:
        self._shape = grid.shape
        self._sum: NDArray[np.float32] | None = None
        self._weight = np.zeros(grid.shape, dtype=np.float32)

    def add(self, window: Window, scores: NDArray[np.float32]) -> None:
        """Take the scores ``(K, *window.size)`` of one window; what lies outside the grid is dropped."""
        if self._sum is None:
            self._sum = np.zeros((scores.shape[0], *self._shape), dtype=np.float32)
        inside = window.inside(self._shape)
        local = Window(tuple(a - b for a, b in zip(inside.start, window.start, strict=True)), inside.size).slices
        weight = window_weight(window.size)[local]
        self._sum[(slice(None), *inside.slices)] += weight * scores[(slice(None), *local)]
        self._weight[inside.slices] += weight

    def scores(self) -> NDArray[np.float32]:
        """The weighted mean, ``(K, *shape)``."""
        if self._sum is None:
            raise ValueError("no window was added")
        # in place, for the memory; asked again, it is the same
        self._sum /= self._weight
        self._weight.fill(1)
        return self._sum


def window_weight(size: tuple[int, ...]) -> NDArray[np.float32]:
    """The separable weight of each sample of a window."""
    weight = np.ones((), dtype=np.float32)
    for n in size:
        at = (np.arange(n) - (n - 1) / 2) / max(n / 8, 1e-6)
        weight = np.multiply.outer(weight, np.maximum(np.exp(-0.5 * at**2), 1e-3).astype(np.float32))
    return weight


MergerFor = Callable[[Geometry], Merger]
"""Makes an empty merger for a grid."""
