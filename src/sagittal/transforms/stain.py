"""Other amounts of stain: the optical density of each colour, scaled and shifted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, around_one, around_zero, chance, uniform

DARKEST = 1 / 256
"""Below this a colour is counted as this, so that black has a density."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stain(Intensity):
    """One factor and one shift a colour and sample."""

    amount: Range
    shift: Range
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """Red, green and blue (or the one channel there is); an alpha channel is left as it is."""
        if rng.random() >= self.p:
            return values
        for channel in values[:3]:
            factor, shift = uniform(rng, self.amount), uniform(rng, self.shift)
            # light = 10 ** -density: a factor of the density is a power of the light, a shift of it a factor
            np.maximum(channel, np.float32(DARKEST), out=channel)
            np.power(channel, np.float32(factor), out=channel)
            channel *= np.float32(10.0**-shift)
        return values


def stain(*, amount: Amount = 0.2, shift: Amount = 0.05, p: float = 1.0) -> Intensity:
    """Random amounts of dye in stained tissue, by the law of Beer and Lambert: density is how much dye there is.

    Each colour's optical density is scaled and shifted by itself, which needs no estimate of the stains.

    Args:
        amount: Factor of the density; 0.2 is from 1 / 1.2 to 1.2, or two factors.
        shift: Of the density: 0.05 is from -0.05 to 0.05; 0.3 halves the light.
        p: How likely.

    >>> import numpy as np
    >>> stain(amount=[2, 2], shift=0).apply(np.full((3, 1, 1), 0.5, np.float32), np.random.default_rng(0)).ravel().tolist()
    [0.25, 0.25, 0.25]
    """
    return Stain(amount=around_one(amount, "stain.amount"), shift=around_zero(shift, "stain.shift"), p=chance(p, "stain.p"))
