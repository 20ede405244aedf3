"""Adds random noise to every value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sagittal.ops.noise import add_normal
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, from_zero, uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise(Intensity):
    """Normal noise of one random strength a sample."""

    tables: ClassVar[bool] = True
    sd: Range
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place."""
        if rng.random() >= self.p:
            return values
        sd = uniform(rng, self.sd)
        return add_normal(values, sd, key=int(rng.integers(2**63)))


def noise(*, sd: Amount = 0.05, p: float = 1.0) -> Intensity:
    """Normal noise, independent for each value.

    Args:
        sd: Standard deviation, with values from 0 to 1; 0.05 is from 0 to 0.05. For a table, in the units
            of the prepared columns.
        p: How likely.
    """
    return Noise(sd=from_zero(sd, "noise.sd"), p=chance(p, "noise.p"))
