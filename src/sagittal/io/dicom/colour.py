"""Luminance and chrominance to red, green and blue (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FULL = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])
_ROWS = 256


def to_rgb(values: NDArray[Any], photometric: str, *, bits: int) -> NDArray[Any]:
    """Red, green and blue of YBR_FULL and YBR_FULL_422; anything else as it is.

    Args:
        values: ``(..., 3)``, chrominance already at full resolution.
        photometric: The photometric interpretation.
        bits: Of a sample: chrominance is zero at the middle of their range.

    >>> to_rgb(np.array([[76, 85, 255]], np.uint8), "YBR_FULL", bits=8).tolist()
    [[254, 0, 0]]
    """
    if photometric not in {"YBR_FULL", "YBR_FULL_422"} or values.shape[-1] != 3:
        return values
    top = 2**bits - 1
    made = np.empty_like(values)
    whole = values.reshape(-1, 3)
    target = made.reshape(-1, 3)
    for start in range(0, len(whole), _ROWS * 1024):  # in pieces: the numbers in between are eight times as large
        part = whole[start : start + _ROWS * 1024].astype(np.float64)
        part[:, 1:] -= 2 ** (bits - 1)
        target[start : start + _ROWS * 1024] = np.clip(np.rint(part @ _FULL.T), 0, top).astype(values.dtype)
    return made
