"""Numbers as a detector stored them, to the quantity that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel

_EXACT = 2.0**24
"""Whole numbers up to here are exact in float32."""


def to_values(
    stored: NDArray[Any],
    out: NDArray[np.float32],
    slope: float,
    intercept: float,
    *,
    bits: int,
    high: int,
    signed: bool,
    padding: tuple[int, int] | None = None,
    filler: float = 0.0,
) -> None:
    """Write ``stored * slope + intercept`` into ``out``, rounded once to float32.

    Args:
        stored: ``(rows, columns)`` of an unsigned type of at most 32 bits; only some of its bits are the number.
        out: ``(rows, columns)`` float32.
        slope: Of the line from stored numbers to values.
        intercept: Its value at 0.
        bits: How many bits are the number.
        high: The highest of them, from 0 on; bits above and below them are ignored.
        signed: Whether the highest of them is a sign.
        padding: First and last stored number that stand for nothing; tested before the line.
        filler: What those become.

    >>> out = np.empty((1, 3), np.float32)
    >>> to_values(np.array([[0x0FFF, 0xF001, 5]], np.uint16), out, 2.0, 1.0, bits=12, high=11, signed=True)
    >>> out.tolist()
    [[-1.0, 3.0, 11.0]]
    """
    left, right = 31 - high, 32 - bits
    low, top = padding if padding is not None else (1, 0)
    whole = slope == int(slope) and intercept == int(intercept) and abs(slope) * 2.0**bits + abs(intercept) < _EXACT
    if whole and bits <= 24:
        fast = _signed_whole if signed else _unsigned_whole
        fast(stored, out, np.int32(slope), np.int32(intercept), left, right, low, top, np.float32(filler))
        return
    slow = _signed if signed else _unsigned
    slow(stored, out, float(slope), float(intercept), left, right, low, top, np.float32(filler))


@kernel
def _signed_whole(stored: Any, out: Any, slope: Any, intercept: Any, left: int, right: int, low: int, top: int, filler: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            x = np.int32(np.int32(np.uint32(stored[i, j]) << np.uint32(left)) >> np.int32(right))
            value = np.float32(np.int32(x * slope + intercept))
            out[i, j] = filler if low <= x <= top else value


@kernel
def _unsigned_whole(stored: Any, out: Any, slope: Any, intercept: Any, left: int, right: int, low: int, top: int, filler: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            x = np.int32(np.uint32(np.uint32(stored[i, j]) << np.uint32(left)) >> np.uint32(right))
            value = np.float32(np.int32(x * slope + intercept))
            out[i, j] = filler if low <= x <= top else value


@kernel
def _signed(stored: Any, out: Any, slope: float, intercept: float, left: int, right: int, low: int, top: int, filler: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            x = np.int64(np.int32(np.int32(np.uint32(stored[i, j]) << np.uint32(left)) >> np.int32(right)))
            out[i, j] = filler if low <= x <= top else np.float32(x * slope + intercept)


@kernel
def _unsigned(stored: Any, out: Any, slope: float, intercept: float, left: int, right: int, low: int, top: int, filler: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            x = np.int64(np.uint32(np.uint32(stored[i, j]) << np.uint32(left)) >> np.uint32(right))
            out[i, j] = filler if low <= x <= top else np.float32(x * slope + intercept)
