"""Brightens one side and darkens another, smoothly, as coils of a scanner and lamps do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.errors import UsageError
from sagittal.ops._spline import TAPS, matrix
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, from_zero, uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class Bias(Intensity):
    """A smooth factor, drawn anew for each channel."""

    strength: Range
    cells: int
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place."""
        if rng.random() >= self.p:
            return values
        strength, shape = uniform(rng, self.strength), values.shape[1:]
        controls = self.cells + TAPS - 1
        # A spline of positive controls stays between them: no factor is ever below zero.
        fields = np.exp(strength * rng.standard_normal((len(values), *(controls,) * len(shape))))
        fields /= fields.mean(axis=tuple(range(1, values.ndim)), keepdims=True)
        weights = [matrix(samples=n, controls=controls).astype(np.float32) for n in shape]
        for channel, field in zip(values, fields.astype(np.float32), strict=True):
            channel *= _spread(field, weights)
        return values


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
