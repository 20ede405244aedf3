"""Brightens one side and darkens another, smoothly, as coils of a scanner and lamps do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagittal.errors import UsageError
from sagittal.ops._spline import TAPS, matrix
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, from_zero, uniform
from sagittal.transforms._tensors import along, sent

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Bias(Intensity):
    """A smooth factor, drawn anew for each channel."""

    strength: Range
    cells: int
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place."""
        fields = self._drawn(values.shape, rng)
        if fields is None:
            return values
        weights = [matrix(samples=n, controls=c).astype(np.float32) for n, c in zip(values.shape[1:], fields.shape[1:], strict=True)]
        for channel, field in zip(values, fields, strict=True):
            channel *= _spread(field, weights)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        fields = self._drawn(values.shape, rng)
        if fields is None:
            return values
        factors = sent(fields, values)
        for axis in range(1, values.ndim):
            factors = along(factors, axis, matrix(samples=values.shape[axis], controls=fields.shape[axis]))
        return values * factors

    def _drawn(self, shape: Sequence[int], rng: np.random.Generator) -> Values | None:
        """The factors at the control points of each channel this time."""
        if rng.random() >= self.p:
            return None
        strength, controls = uniform(rng, self.strength), self.cells + TAPS - 1
        # A spline of positive controls stays between them: no factor is ever below zero.
        fields = np.exp(strength * rng.standard_normal((shape[0], *(controls,) * (len(shape) - 1))))
        fields /= fields.mean(axis=tuple(range(1, len(shape))), keepdims=True)
        drawn: Values = fields.astype(np.float32)
        return drawn


def bias(*, strength: Amount = 0.3, cells: int = 2, p: float = 0.5) -> Intensity:
    """A smooth multiplicative field: a cubic B-spline between few random factors, on average 1.

    Every channel has its own, as every modality is scanned by itself. Values are taken as intensities, 0 being none:
    a value below 0 (fat in a window, say) moves away from 0 where others grow.

    Args:
        strength: Standard deviation of the logarithm of the factors at the control points; 0.3 is from 0 to 0.3.
        cells: Of the control grid along each axis: more is finer.
        p: How likely.
    """
    if isinstance(cells, bool) or not isinstance(cells, int) or not 1 <= cells <= 16:
        raise UsageError("BAD_RANGE", "bias.cells", f"{cells!r} is not a number of cells", "use a whole number from 1 to 16")
    return Bias(strength=from_zero(strength, "bias.strength"), cells=cells, p=chance(p, "bias.p"))


def _spread(field: Values, weights: list[Values]) -> Values:
    """Control values on the grid, along one axis after the other."""
    for axis, one in enumerate(weights):
        shape = field.shape
        wide: Values = one @ field.reshape(*shape[: axis + 1], -1) if axis < len(shape) - 1 else field @ one.T
        field = wide.reshape(*shape[:axis], len(one), *shape[axis + 1 :])
    return field
