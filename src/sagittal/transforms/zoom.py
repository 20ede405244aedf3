"""Makes everything larger or smaller, about the centre."""

from __future__ import annotations

from sagittal.transforms._kinds import Geometric
from sagittal.transforms._motion import Motion
from sagittal.transforms._ranges import Amount, around_one, chance


def zoom(*, factor: Amount = 0.15, p: float = 1.0) -> Geometric:
    """A zoom, the same along all axes.

    Args:
        factor: 0.25 is from 1 / 1.25 to 1.25; ``[0.85, 1.3]`` is just that. Above 1 things grow.
        p: How likely.
    """
    return Motion(zoom=around_one(factor, "zoom.factor"), p=chance(p, "zoom.p"))
