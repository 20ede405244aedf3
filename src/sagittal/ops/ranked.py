"""How probabilities are spread over samples that are of a class and over those that are not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.ops._jit import kernel

BINS = 1024
"""Bins of probabilities, of one width on the logit scale: ranks need most of them where a sure network puts nearly all samples."""

REACH = 16.0
"""Logits beyond this share the outermost bins; float32 tells no probability further from 1."""


def spread(scores: NDArray[np.float32], truth: NDArray[np.integer[Any]], k: int) -> NDArray[np.int64]:
    """How many samples outside of a class, and of it, have a probability in each bin.

    Counts of several pictures may be added, so that ranks over all of their samples need none of them in memory. Samples of
    which nothing is known are left out.

    Args:
        scores: The probabilities of the class, of the same shape as the truth.
        truth: Class indices, ``IGNORE`` where nothing is known.
        k: The class.

    Returns:
        ``(2, BINS)``: the first row are samples outside of the class.

    Raises:
        ValueError: The shapes differ.

    >>> found = spread(np.array([0.0, 0.5, 1.0], np.float32), np.array([0, 1, -1]), 1)
    >>> [np.flatnonzero(row).tolist() for row in found]
    [[0], [512]]
    """
    if scores.shape != truth.shape:
        raise ValueError(f"probabilities {scores.shape} and truth {truth.shape} are not on one grid")
    counts = np.zeros((2, BINS), dtype=np.int64)
    flat = np.ascontiguousarray(scores, dtype=np.float32).reshape(-1), np.ascontiguousarray(truth, dtype=np.int16).reshape(-1)
    _count(*flat, k, IGNORE, REACH, counts)
    return counts


@kernel
def _count(scores: Any, truth: Any, k: int, ignore: int, reach: float, counts: Any) -> None:
    bins = counts.shape[1]
    scale = bins / (2 * reach)
    for i in range(len(scores)):
        if truth[i] == ignore:
            continue
        p = scores[i]
        if p <= 0:
            place = 0
        elif p >= 1:
            place = bins - 1
        else:
            place = int((math.log(p / (1 - p)) + reach) * scale)
            place = min(max(place, 0), bins - 1)
        counts[1 if truth[i] == k else 0, place] += 1
