"""Arrays and maps as the kernels see them: a flat memory with steps, and three axes whatever there are."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops import _spline

Floats = NDArray[np.float64]

Memory = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]

LiftedMap = tuple[Floats, tuple[Floats, NDArray[np.int64], Floats]]
"""The affine ``(3, 4)`` of three axes, and how the rows bend (see :mod:`sagittal.ops._walk`)."""


def memory_of(values: NDArray[Any]) -> Memory:
    """``(C, *shape)`` as its memory lies (see :mod:`sagittal.ops._walk`): decoders put channels last, windows leave gaps."""
    layout = _layout(values.shape, values.strides, values.itemsize)
    if layout is None:
        return memory_of(np.ascontiguousarray(values))
    span, offsets, sizes, steps = layout
    return _flat(values if values.strides[0] >= 0 else values[::-1], span), offsets, sizes, steps


@lru_cache(maxsize=256)
def _layout(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]] | None:
    """How many elements an array reaches over, where its channels start, its sizes and steps; pictures of one size share them.

    None for what must be copied first: an axis that runs backwards, or steps that are no whole elements.
    """
    if min(strides[1:]) < 0 or any(s % itemsize for s in strides):
        return None
    (channels, *sizes), (first, *steps) = shape, (s // itemsize for s in strides)
    span = sum((n - 1) * s for n, s in zip(sizes, steps, strict=True)) + (channels - 1) * abs(first) + 1
    offsets = np.arange(channels) * first - min(0, (channels - 1) * first)
    one = [1] * (3 - len(sizes))
    # An axis of one sample has no next one: both of its samples are the same.
    apart = [s if n > 1 else 0 for n, s in zip(sizes, steps, strict=True)]
    return span, offsets, np.array([*one, *sizes]), np.array([*(0 for _ in one), *apart], np.uint64)


def _flat(lowest: NDArray[Any], span: int) -> NDArray[Any]:
    """So many elements in a row from the first one of an array on, whatever the order of its axes."""
    last = lowest.transpose(1, 2, 0) if lowest.ndim == 3 else lowest
    if last.size == span and last.flags.c_contiguous:  # channels last in memory: without numpy's slower way
        return last.reshape(-1)
    return np.lib.stride_tricks.as_strided(lowest, shape=(span,), strides=(lowest.itemsize,))


def lift(values: NDArray[Any]) -> NDArray[Any]:
    """``(C, *shape)`` seen as ``(C, z, y, x)``: missing axes come first, with one sample."""
    return values.reshape(values.shape[0], *(1,) * (4 - values.ndim), *values.shape[1:])


_UNBENT = (np.zeros((3, 0, 0)), np.zeros(0, np.int64), np.zeros(0))


def lift_map(straight: Floats, field: Floats | None, *, shape: tuple[int, ...]) -> LiftedMap:
    """The affine and the field of a map onto ``shape``; the field is evaluated along all axes but the last."""
    n = len(shape)
    affine = np.zeros((3, 4))
    affine[3 - n :, 3 - n :] = straight[:n]
    if field is None:
        return affine, _UNBENT
    bent = np.tensordot(straight[:n, :n], field, axes=1)
    for axis in range(n - 1):
        weights = _spline.matrix(samples=shape[axis], controls=bent.shape[axis + 1])
        along = weights @ bent.reshape(*bent.shape[: axis + 1], bent.shape[axis + 1], -1)
        bent = along.reshape(*bent.shape[: axis + 1], shape[axis], *bent.shape[axis + 2 :])
    rows = np.zeros((3, math.prod(shape[:-1]), bent.shape[-1]))
    rows[3 - n :] = bent.reshape(n, -1, bent.shape[-1])
    cell, share = _spline.cells(np.arange(shape[-1], dtype=np.float64), samples=shape[-1], controls=bent.shape[-1])
    starts = np.searchsorted(cell, np.arange(bent.shape[-1] - _spline.TAPS + 2))
    return affine, (rows, starts, share)
