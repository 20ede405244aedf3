"""Other amounts of stain: the optical density of each colour, or of each dye, scaled and shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from sagittal.errors import UsageError, nearest
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, around_one, around_zero, chance, uniform
from sagittal.transforms._tensors import sent

if TYPE_CHECKING:
    from torch import Tensor

DARKEST = 1 / 256
"""Below this a colour is counted as this, so that black has a density."""


DYES = np.array([[0.65, 0.70, 0.29], [0.072, 0.99, 0.105], [0.268, 0.570, 0.776]])
"""Optical densities of haematoxylin, eosin, and DAB for the rest (Ruifrok & Johnston, Anal. Quant. Cytol. Histol. 23, 2001)."""

By = Literal["colour", "dye"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stain(Intensity):
    """One factor and one shift a colour, or a dye, and sample."""

    amount: Range
    shift: Range
    by: By
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """Red, green and blue (or the one channel there is); an alpha channel is left as it is."""
        if rng.random() >= self.p:
            return values
        if self.by == "dye" and len(values) >= len(DYES):
            return self._dyed(values, rng)
        for channel in values[:3]:
            factor, shift = uniform(rng, self.amount), uniform(rng, self.shift)
            # light = 10 ** -density: a factor of the density is a power of the light, a shift of it a factor
            np.maximum(channel, np.float32(DARKEST), out=channel)
            np.power(channel, np.float32(factor), out=channel)
            channel *= np.float32(10.0**-shift)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        if rng.random() >= self.p:
            return values
        light = values[:3].clamp(min=DARKEST)
        if self.by == "dye" and len(values) >= len(DYES):
            turned, shifted = self._turn(rng)
            density = sent(turned, values) @ -light.flatten(1).log10() + sent(shifted, values)
            values[:3] = (10.0**-density).reshape(light.shape)
            return values
        for channel, one in zip(values, light, strict=False):
            factor, shift = uniform(rng, self.amount), uniform(rng, self.shift)
            channel.copy_(one**factor * 10.0**-shift)
        return values

    def _dyed(self, values: Values, rng: np.random.Generator) -> Values:
        """One linear map of the densities: to amounts of dyes, which are changed, and back."""
        turned, shifted = self._turn(rng)
        density = -np.log10(np.maximum(values[:3].reshape(3, -1), np.float32(DARKEST)))
        changed = turned @ density + shifted
        values[:3] = np.power(np.float32(10), -changed).reshape(values[:3].shape)
        return values

    def _turn(self, rng: np.random.Generator) -> tuple[Values, Values]:
        """What densities are multiplied by this time, ``(3, 3)``, and what is added, ``(3, 1)``."""
        dyes = DYES / np.linalg.norm(DYES, axis=1, keepdims=True)
        factors = np.array([uniform(rng, self.amount), uniform(rng, self.amount), 1.0])
        shifts = np.array([uniform(rng, self.shift), uniform(rng, self.shift), 0.0])
        # density = amounts @ dyes, a row a pixel; here a column
        turned: Values = (np.linalg.inv(dyes) @ np.diag(factors) @ dyes).T.astype(np.float32)
        shifted: Values = (shifts @ dyes).astype(np.float32)[:, None]
        return turned, shifted


def stain(*, amount: Amount = 0.2, shift: Amount = 0.05, by: str = "colour", p: float = 1.0) -> Intensity:
    """Random amounts of dye in stained tissue, by the law of Beer and Lambert: density is how much dye there is.

    Each colour's optical density is scaled and shifted by itself, which needs no estimate of the stains; or each dye's amount
    is, by the colours of haematoxylin and eosin that Ruifrok and Johnston measured. Pictures of fewer colours are changed by colour.

    Args:
        amount: Factor of the density; 0.2 is from 1 / 1.2 to 1.2, or two factors.
        shift: Of the density: 0.05 is from -0.05 to 0.05; 0.3 halves the light.
        by: ``colour`` or ``dye``.
        p: How likely.

    Raises:
        UsageError: An option means nothing.

    Source: Tellez et al., IEEE TMI 37 (2018), for dyes.

    >>> import numpy as np
    >>> stain(amount=[2, 2], shift=0).apply(np.full((3, 1, 1), 0.5, np.float32), np.random.default_rng(0)).ravel().tolist()
    [0.25, 0.25, 0.25]
    """
    if by not in get_args(By):
        raise UsageError("SETTING", "augment.stain.by", f"{by!r} is neither colour nor dye", nearest(str(by), get_args(By)))
    return Stain(
        amount=around_one(amount, "stain.amount"), shift=around_zero(shift, "stain.shift"), by=cast(By, by), p=chance(p, "stain.p")
    )
