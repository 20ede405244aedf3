"""Whether probabilities mean what they say: cases in bins of confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def bins_of(confidence: NDArray[Any], *, bins: int = BINS) -> NDArray[np.intp]:
    """The bin of each probability, ``(N,)``: equal widths, upper edges included, 0 in the first.

    >>> bins_of(np.array([0.0, 0.1, 0.11, 1.0]), bins=10).tolist()
    [0, 0, 1, 9]
    """
    edges = np.linspace(0, 1, bins + 1)
    found: NDArray[np.intp] = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    return found


def bin_sums(confidence: NDArray[Any], right: NDArray[Any], *, bins: int = BINS) -> NDArray[np.float64]:
    """``(N, 2 * bins)``: in its bin each case puts its confidence minus whether it is right, and a one."""
    n = len(confidence)
    sums = np.zeros((n, 2, bins))
    place = bins_of(confidence, bins=bins)
    sums[np.arange(n), 0, place] = confidence - right
    sums[np.arange(n), 1, place] = 1
    return sums.reshape(n, 2 * bins)


def error_of_sums(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The expected calibration error from totals ``(..., 2 * bins)``; NaN without a case."""
    gaps, counts = np.split(totals, 2, axis=-1)
    n = counts.sum(axis=-1)
    error: NDArray[np.float64] = np.divide(np.abs(gaps).sum(axis=-1), n, out=np.full(n.shape, np.nan), where=n > 0)
    return error


def expected_error(confidence: NDArray[Any], right: NDArray[Any], *, bins: int = BINS) -> float:
    """The mean gap between confidence and share of right answers, over bins weighted by their cases (Naeini et al. 2015).

    NaN without a case.

    >>> round(expected_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1, 1, 1, 0])), 2)
    0.15
    """
    return float(error_of_sums(bin_sums(confidence, right, bins=bins).sum(axis=0)))
