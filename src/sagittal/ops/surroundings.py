"""Blanked surroundings that hold another number than 0: scans that were brought to a mean and deviation after their skull was cut off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.2
"""Of the samples, surroundings that were blanked."""

LEAST_CORNERS = 0.75
"""Of the corners: a head may reach into one or two."""


def from_zero(values: NDArray[Any]) -> NDArray[Any]:
    """The values with surroundings of 0: a channel whose least number fills its corners and a fifth of it has that number taken off.

    What is measured inside and divided by its deviation does not change by that, and what asks for 0 finds the surroundings.

    Args:
        values: ``(C, *shape)``.

    Returns:
        The same array where all surroundings are 0 already, or nothing was blanked; else float32.

    >>> scan = np.array([[[-3.5, -3.5, -3.5], [-3.5, 0.0, 1.0], [-3.5, -3.5, -3.5]]])
    >>> from_zero(scan)[0, 1].tolist(), from_zero(np.eye(3)[None])[0, 1].tolist()
    ([0.0, 3.5, 4.5], [0.0, 1.0, 0.0])
    """
    grounds = np.array([_ground(channel) for channel in values], dtype=np.float64)
    if not grounds.any():
        return values
    # in float64: the number itself must become 0 exactly
    return (values - grounds.reshape(-1, *[1] * (values.ndim - 1))).astype(np.float32)


def _ground(channel: NDArray[Any]) -> float:
    if not channel.size:
        return 0.0
    corners = channel[np.ix_(*((0, n - 1) for n in channel.shape))]
    least = corners.min()
    if least == 0 or not np.isfinite(least) or float((corners == least).mean()) < LEAST_CORNERS or least != channel.min():
        return 0.0
    return float(least) if float((channel == least).mean()) >= LEAST_SHARE else 0.0
