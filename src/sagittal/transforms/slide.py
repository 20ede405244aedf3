"""Moves a table's row along its columns, where these have an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, around_zero, chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Slide(Intensity):
    """A row read between its columns."""

    tables: ClassVar[bool] = True
    pictures: ClassVar[bool] = False
    columns: Range
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """``(C,)``; beyond the ends the last column goes on."""
        if rng.random() >= self.p:
            return values
        at = np.arange(len(values), dtype=np.float64)
        return np.interp(at + rng.uniform(*self.columns), at, values).astype(np.float32)


def slide(*, columns: Amount = 1.0, p: float = 1.0) -> Intensity:
    """A shift along columns that have an order, such as frequency bands or time points.

    Args:
        columns: How far, in columns; 1 is from -1 to 1, fractions included.
        p: How likely.

    >>> slide(columns=[0.5, 0.5]).apply(np.array([0, 2, 4], np.float32), np.random.default_rng(0)).tolist()
    [1.0, 3.0, 4.0]
    """
    return Slide(columns=around_zero(columns, "slide.columns"), p=chance(p, "slide.p"))
