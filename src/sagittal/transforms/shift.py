"""Moves everything along the axes."""

from __future__ import annotations

from sagittal.transforms._kinds import Geometric
from sagittal.transforms._motion import Motion
from sagittal.transforms._ranges import Amount, around_zero, chance


def shift(*, share: Amount = 0.1, p: float = 1.0) -> Geometric:
    """A shift, drawn for each axis.

    Args:
        share: Of the grid's extent: 0.1 is from a tenth back to a tenth on.
        p: How likely.
    """
    return Motion(shift=around_zero(share, "shift.share"), p=chance(p, "shift.p"))
