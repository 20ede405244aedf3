"""In which units an option is: of values scaled to 0 to 1, or of the sample's own."""

from __future__ import annotations

from typing import Literal, cast, get_args

from sagittal.errors import UsageError, nearest

Scale = Literal["unit", "patch"]


def scale_of(scale: str, option: str) -> Scale:
    """``unit``: values are about 0 to 1. ``patch``: whatever they are, each channel is its own measure."""
    if scale not in get_args(Scale):
        raise UsageError("UNKNOWN_SCALE", option, f"{scale!r} is no scale", nearest(scale, get_args(Scale)))
    return cast(Scale, scale)
