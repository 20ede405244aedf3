"""Fewer samples along an axis and back, as thicker slices are: means over wide samples, and lines between those."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel

Floats = NDArray[np.float64]


def coarsen(values: NDArray[np.float32], axis: int, samples: int) -> NDArray[np.float32]:
    """The values as if the axis had fewer samples, on its own grid.

    Each of the wide samples is the mean of what it covers; between their centres values run in straight lines, and beyond
    the outermost ones they stay.

    Args:
        values: float32, any shape.
        axis: Along which.
        samples: How many there are in between, at least one.

    >>> coarsen(np.array([0, 2, 4, 6], np.float32), 0, 2).tolist()
    [1.0, 2.0, 4.0, 5.0]
    """
    there = _through(values, axis, averages(values.shape[axis], samples))
    return _through(there, axis, between(samples, values.shape[axis]))


def averages(fine: int, coarse: int) -> Floats:
    """The mean of the fine samples under each coarse one, by the share of it that each covers, ``(coarse, fine)``.

    >>> averages(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges, at = np.linspace(0, fine, coarse + 1), np.arange(fine)
    covered = np.clip(np.minimum(at + 1, edges[1:, None]) - np.maximum(at, edges[:-1, None]), 0, None)
    shares: Floats = covered / covered.sum(axis=1, keepdims=True)
    return shares


def between(coarse: int, fine: int) -> Floats:
    """Linear interpolation between the centres of coarse samples, the outermost repeated beyond them, ``(fine, coarse)``."""
    at = np.clip((np.arange(fine) + 0.5) * coarse / fine - 0.5, 0, coarse - 1)
    weights: Floats = np.maximum(0.0, 1 - np.abs(at[:, None] - np.arange(coarse)))
    return weights


def _through(values: NDArray[np.float32], axis: int, weights: Floats) -> NDArray[np.float32]:
    """A matrix applied along an axis; of each row only the stretch that is not zero."""
    shape = values.shape
    first = np.argmax(weights > 0, axis=1)
    count = (weights > 0).sum(axis=1)
    out = np.empty((math.prod(shape[:axis]), len(weights), math.prod(shape[axis + 1 :])), np.float32)
    lines = np.ascontiguousarray(values).reshape(len(out), shape[axis], -1)
    if out.shape[2] == 1:
        _lines(lines[:, :, 0], first, count, weights.astype(np.float32), out[:, :, 0])
    else:
        _planes(lines, first, count, weights.astype(np.float32), out)
    return out.reshape(*shape[:axis], len(weights), *shape[axis + 1 :])


@kernel
def _planes(values: Any, first: Any, count: Any, weights: Any, out: Any) -> None:
    """Along the middle axis of ``(outer, n, inner)``; the inner loop runs over neighbours in memory."""
    for outer in range(out.shape[0]):
        for i in range(out.shape[1]):
            line = out[outer, i]
            line[:] = np.float32(0.0)
            for k in range(first[i], first[i] + count[i]):
                source, weight = values[outer, k], weights[i, k]
                for c in range(line.size):
                    line[c] += weight * source[c]


@kernel
def _lines(values: Any, first: Any, count: Any, weights: Any, out: Any) -> None:
    """Along the last axis of ``(outer, n)``."""
    for outer in range(out.shape[0]):
        for i in range(out.shape[1]):
            total = np.float32(0.0)
            for k in range(first[i], first[i] + count[i]):
                total += weights[i, k] * values[outer, k]
            out[outer, i] = total
