"""Other colours to red, green and blue: luminance and chrominance (PS3.3 C.7.6.3.1.2), CIELab."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FULL = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])
_ROWS = 256
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_SRGB = np.array([[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]])


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


def hex_of_lab(stored: tuple[float, float, float]) -> str:
    """``#rrggbb`` of a CIELab colour as DICOM stores it (PS3.3 C.10.7.1.1), under daylight (D65), clipped to sRGB.

    >>> hex_of_lab((65535, 32896, 32896)), hex_of_lab((0, 32896, 32896))
    ('#ffffff', '#000000')
    """
    light = stored[0] / 65535 * 100
    a, b = (v / 65535 * 255 - 128 for v in stored[1:])
    y = (light + 16) / 116
    xyz = _WHITE * np.array([_cubed(y + a / 500), _cubed(y), _cubed(y - b / 200)])
    linear = np.clip(_TO_SRGB @ xyz, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(float(v) * 255):02x}" for v in coded)


def _cubed(t: float) -> float:
    return t**3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29)
