"""Turns about the centre, by an angle drawn at random."""

from __future__ import annotations

from sagittal.transforms._kinds import Geometric
from sagittal.transforms._motion import Motion
from sagittal.transforms._ranges import Amount, around_zero, chance


def rotate(*, degrees: Amount = 15.0, p: float = 1.0) -> Geometric:
    """A turn, in physical units: where pixels are not square, shapes still keep their angles.

    Args:
        degrees: 15 is from -15 to 15; a positive angle turns counter-clockwise. In a volume, drawn anew
            for each of the three planes.
        p: How likely.

    >>> rotate(degrees=[90, 90]).degrees
    (90.0, 90.0)
    """
    return Motion(degrees=around_zero(degrees, "rotate.degrees"), p=chance(p, "rotate.p"))
