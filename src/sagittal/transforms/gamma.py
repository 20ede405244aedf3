"""Bends the brightness curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagittal.ops.power import bend
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, around_one, chance, log_uniform
from sagittal.transforms._scales import Scale, scale_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Gamma(Intensity):
    """A power of the values."""

    gamma: Range
    scale: Scale
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place; the sign of values below 0 is kept."""
        if rng.random() >= self.p:
            return values
        exponent, values = log_uniform(rng, self.gamma), np.ascontiguousarray(values)
        if self.scale == "unit":
            bend(values, exponent)
        else:
            for channel in values:
                bend(channel, exponent, low=float(channel.min()), high=float(channel.max()))
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        if rng.random() >= self.p:
            return values
        exponent = log_uniform(rng, self.gamma)
        if self.scale == "unit":
            return values.sign() * values.abs() ** exponent
        axes = tuple(range(1, values.ndim))
        low = values.amin(dim=axes, keepdim=True)
        width = values.amax(dim=axes, keepdim=True) - low
        bent = low + width * ((values - low) / width).clamp(min=0) ** exponent
        return bent.where(width > 0, values)


def gamma(*, gamma: Amount = (0.7, 1.5), scale: str = "unit", p: float = 1.0) -> Intensity:
    """Values to the power of a random number.

    Args:
        gamma: 0.3 is from 1 / 1.3 to 1.3; or two numbers. Below 1 is brighter.
        scale: ``unit``: 0 and 1 stay where they are. ``patch``: each channel's least and largest value in the sample do, for
            values of any range, such as those with a mean of 0.
        p: How likely.
    """
    return Gamma(gamma=around_one(gamma, "gamma.gamma"), scale=scale_of(scale, "gamma.scale"), p=chance(p, "gamma.p"))
