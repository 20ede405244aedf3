"""Adds random noise to every value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sagittal.ops.noise import add_normal, add_normal_to_tensor
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, from_zero, uniform
from sagittal.transforms._scales import Scale, scale_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise(Intensity):
    """Normal noise of one random strength a sample."""

    tables: ClassVar[bool] = True
    sd: Range
    scale: Scale
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place."""
        if rng.random() >= self.p:
            return values
        sd, key = uniform(rng, self.sd), int(rng.integers(2**62))
        if self.scale == "unit" or values.ndim == 1:
            return add_normal(values, sd, key=key)
        for channel, own in enumerate(values.reshape(len(values), -1).std(axis=1).tolist()):
            values[channel] = add_normal(values[channel], sd * own, key=key + channel * values[channel].size)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        if rng.random() >= self.p:
            return values
        sd, key = uniform(rng, self.sd), int(rng.integers(2**62))
        if self.scale == "unit" or values.ndim == 1:
            return add_normal_to_tensor(values, sd, key=key)
        for channel, one in enumerate(values):
            one.copy_(add_normal_to_tensor(one, sd * one.std(correction=0), key=key + channel * one.numel()))
        return values


def noise(*, sd: Amount = 0.05, scale: str = "unit", p: float = 1.0) -> Intensity:
    """Normal noise, independent for each value.

    Args:
        sd: Standard deviation, with values from 0 to 1; 0.05 is from 0 to 0.05. For a table, in the units
            of the prepared columns.
        scale: ``unit``, or ``patch``: ``sd`` is a share of each channel's own standard deviation in the sample.
        p: How likely.
    """
    return Noise(sd=from_zero(sd, "noise.sd"), scale=scale_of(scale, "noise.scale"), p=chance(p, "noise.p"))
