"""Blurs with a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagittal.ops.lowpass import filter_along, gaussian_taps
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, from_zero, uniform
from sagittal.transforms._tensors import along

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Blur(Intensity):
    """One random width a sample, the same along all axes."""

    sigma: Range
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """Edges are repeated."""
        if rng.random() >= self.p:
            return values
        taps = gaussian_taps(uniform(rng, self.sigma))
        for axis in range(1, values.ndim):
            values = filter_along(values, axis, taps=taps)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same: what the filter makes of single samples, as a matrix."""
        if rng.random() >= self.p:
            return values
        taps = gaussian_taps(uniform(rng, self.sigma))
        for axis in range(1, values.ndim):
            values = along(values, axis, filter_along(np.eye(values.shape[axis]), 0, taps=taps))
        return values


def blur(*, sigma: Amount = 1.0, p: float = 0.5) -> Intensity:
    """A Gaussian blur.

    Args:
        sigma: In samples of the grid that the network sees; 1 is from 0 to 1.
        p: How likely.
    """
    return Blur(sigma=from_zero(sigma, "blur.sigma"), p=chance(p, "blur.p"))
