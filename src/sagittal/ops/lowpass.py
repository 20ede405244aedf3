"""Low-pass filters for reading on a coarser grid, along any axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel

Floats = NDArray[np.float64]

SLACK = 1.2
"""Below this many source samples a target sample nothing is filtered: linear interpolation already averages as much."""


def shrinking_taps(reach: float) -> tuple[Floats, int]:
    """The filter and the stride after which *linear* interpolation acts like a tent of half-width ``reach``.

    A tent is what resampling with antialiasing means in Pillow and torch (``bilinear``). A tent of a whole
    half-width n, sampled at whole places and interpolated linearly, is that tent exactly; between whole
    widths two tents are mixed so that the variance is right. From four samples on only every second, third ...
    filtered value is kept, and the interpolation between those is taken off the filter's variance.

    Args:
        reach: Source samples a target sample along this axis.

    Returns:
        Odd, symmetric taps that sum to one, and the stride.

    >>> taps, stride = shrinking_taps(2.0)
    >>> taps.tolist(), stride
    ([0.25, 0.5, 0.25], 1)
    >>> shrinking_taps(1.0)
    (array([1.]), 1)
    """
    if reach <= SLACK:
        return np.ones(1), 1
    stride = max(1, int(reach / 2))
    width = math.sqrt(reach**2 - stride**2 + 1)
    whole = int(width)
    mixed = (width**2 - whole**2) / (2 * whole + 1)
    taps = (1 - mixed) * _tent(whole, whole) + mixed * _tent(whole + 1, whole)
    return np.trim_zeros(taps), stride


def filter_along(values: NDArray[Any], axis: int, *, taps: Floats, stride: int = 1) -> NDArray[np.float32]:
    """Every ``stride``-th sample along an axis, each the weighted sum of its neighbours; edges are repeated.

    Args:
        values: Any shape and number type.
        axis: Along which.
        taps: An odd number of weights.
        stride: The first sample is kept, then every ``stride``-th, up to and including the first at or
            past the last sample.

    >>> filter_along(np.array([0.0, 4.0, 0.0]), 0, taps=np.array([0.25, 0.5, 0.25])).tolist()
    [1.0, 2.0, 1.0]
    """
    flat = _planes(np.ascontiguousarray(values), axis)
    out = np.empty((flat.shape[0], (flat.shape[1] + stride - 2) // stride + 1, flat.shape[2]), np.float32)
    _filter(flat, taps, stride, out)
    return out.reshape(*values.shape[:axis], out.shape[1], *values.shape[axis + 1 :])


def shrink(values: NDArray[Any], reach: Sequence[float]) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Values filtered along every axis for a map that steps over ``reach`` samples, and the stride kept of each.

    Sample i of the result lies on sample ``i * stride`` of the source.
    """
    strides, own = [], False
    for axis, step in enumerate(reach):
        taps, stride = shrinking_taps(step)
        strides.append(stride)
        if taps.size == 1:
            continue
        if own and stride == 1 and axis == values.ndim - 1:
            lines = _planes(values, axis)
            _filter(lines, taps, stride, lines)  # line by line through a buffer: no second picture in memory
        else:
            values, own = filter_along(values, axis, taps=taps, stride=stride), True
    return values, tuple(strides)


def gaussian_taps(sigma: float) -> Floats:
    """A Gaussian at whole places, cut at four standard deviations, with sum one; one tap for ``sigma`` 0."""
    if sigma <= 0:
        return np.ones(1)
    places = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
    taps: Floats = np.exp(-0.5 * (places / sigma) ** 2)
    taps /= taps.sum()
    return taps


def _tent(half_width: int, radius: int) -> Floats:
    """A tent at whole places from ``-radius`` to ``radius``, with sum one."""
    tent = np.maximum(0.0, 1.0 - np.abs(np.arange(-radius, radius + 1)) / half_width)
    return tent / half_width


def _planes(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """The values as ``(outer, along the axis, inner)``."""
    shape = values.shape
    return values.reshape(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _filter(values: NDArray[Any], taps: Floats, stride: int, out: NDArray[np.float32]) -> None:
    """Along the middle axis of ``(outer, n, inner)``."""
    weights = np.ascontiguousarray(taps, dtype=np.float32)
    if values.shape[2] == 1:
        _filter_lines(values.reshape(values.shape[:2]), weights, stride, out.reshape(out.shape[:2]))
    else:
        _filter_planes(values, weights, stride, out)


@kernel
def _filter_planes(values: Any, taps: Any, stride: int, out: Any) -> None:
    """Along the middle axis of ``(outer, n, inner)``; the inner loop runs over neighbours in memory."""
    radius, last = taps.size // 2, values.shape[1] - 1
    for outer in range(out.shape[0]):
        for i in range(out.shape[1]):
            line = out[outer, i]
            line[:] = np.float32(0.0)
            for k in range(taps.size):
                source = values[outer, min(max(i * stride + k - radius, 0), last)]
                weight = taps[k]
                for c in range(line.size):
                    line[c] += weight * np.float32(source[c])


@kernel
def _filter_lines(values: Any, taps: Any, stride: int, out: Any) -> None:
    """Along the last axis of ``(outer, n)``, with the line's ends repeated in a buffer."""
    radius, size = taps.size // 2, values.shape[1]
    buffer = np.empty(size + 2 * radius + stride, np.float32)
    for outer in range(out.shape[0]):
        source, line = values[outer], out[outer]
        buffer[:radius] = np.float32(source[0])
        for i in range(size):
            buffer[radius + i] = np.float32(source[i])
        buffer[radius + size :] = np.float32(source[size - 1])
        line[:] = np.float32(0.0)
        for k in range(taps.size):
            weight = taps[k]
            if stride == 1:
                moved = buffer[k : k + line.size]
                for c in range(line.size):
                    line[c] += weight * moved[c]
            else:
                for c in range(line.size):
                    line[c] += weight * buffer[c * stride + k]
