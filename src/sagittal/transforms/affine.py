"""Turns, zooms, shifts and shears at once."""

from __future__ import annotations

from sagittal.transforms._kinds import Geometric
from sagittal.transforms._motion import Motion
from sagittal.transforms._ranges import Amount, around_one, around_zero, chance


def affine(*, rotate: Amount = 10.0, scale: Amount = 0.1, shift: Amount = 0.05, shear: Amount = 0.0, p: float = 1.0) -> Geometric:
    """An affine motion about the centre.

    Args:
        rotate: Degrees; 10 is from -10 to 10.
        scale: 0.1 is from 1 / 1.1 to 1.1; or two factors.
        shift: Share of the extent, along each axis; 0.05 is from -0.05 to 0.05.
        shear: Degrees; 5 is from -5 to 5.
        p: How likely.
    """
    return Motion(
        degrees=around_zero(rotate, "affine.rotate"),
        zoom=around_one(scale, "affine.scale"),
        shift=around_zero(shift, "affine.shift"),
        shear=around_zero(shear, "affine.shear"),
        p=chance(p, "affine.p"),
    )
