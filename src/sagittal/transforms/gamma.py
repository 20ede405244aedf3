"""Bends the brightness curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, around_one, chance, log_uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class Gamma(Intensity):
    """A power of the values."""

    gamma: Range
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place; the sign of values below 0 is kept."""
        if rng.random() >= self.p:
            return values
        exponent = np.float32(log_uniform(rng, self.gamma))
        negative = np.signbit(values)
        np.abs(values, out=values)
        np.power(values, exponent, out=values)
        np.negative(values, out=values, where=negative)
        return values


def gamma(*, gamma: Amount = (0.7, 1.5), p: float = 1.0) -> Intensity:
    """Values to the power of a random number.

    Args:
        gamma: 0.3 is from 1 / 1.3 to 1.3; or two numbers. Below 1 is brighter.
        p: How likely.
    """
    return Gamma(gamma=around_one(gamma, "gamma.gamma"), p=chance(p, "gamma.p"))
