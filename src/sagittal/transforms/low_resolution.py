"""Makes what is seen coarser, as thick slices or a lower resolution would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from sagittal.errors import UsageError, nearest
from sagittal.ops.coarsen import averages, between, coarsen
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, log_uniform
from sagittal.transforms._tensors import along

if TYPE_CHECKING:
    from torch import Tensor

Along = Literal["one", "all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LowResolution(Intensity):
    """Samples averaged over wider ones, and read linearly between these."""

    factor: Range
    along: Along
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """One draw for all channels."""
        for axis, coarse in self._drawn(values.shape, rng):
            values = coarsen(values, axis, coarse)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        for axis, coarse in self._drawn(values.shape, rng):
            fine = values.shape[axis]
            values = along(values, axis, between(coarse, fine) @ averages(fine, coarse))
        return values

    def _drawn(self, shape: Sequence[int], rng: np.random.Generator) -> list[tuple[int, int]]:
        """Along which axes there are fewer samples this time, and how many."""
        if rng.random() >= self.p:
            return []
        axes = range(1, len(shape)) if self.along == "all" else [int(rng.integers(1, len(shape)))]
        factor = log_uniform(rng, self.factor)
        coarse = [(axis, max(1, round(shape[axis] / factor))) for axis in axes]
        return [(axis, samples) for axis, samples in coarse if samples < shape[axis]]


def low_resolution(*, factor: Amount = (1.0, 3.0), along: str = "one", p: float = 0.25) -> Intensity:
    """Coarser samples, brought back to the grid. Labels keep their resolution.

    Args:
        factor: How much coarser; 3 is from 1 to 3. Twice is as likely as half.
        along: ``one`` axis, drawn for each sample: thick slices; ``all`` axes: a lower resolution.
        p: How likely.

    Raises:
        UsageError: A factor below 1, or an unknown choice of axes.
    """
    low, high = (1.0, float(factor)) if isinstance(factor, (int, float)) and not isinstance(factor, bool) else _two(factor)
    if not 1 <= low <= high < np.inf:
        raise UsageError("BAD_RANGE", "low_resolution.factor", f"{factor!r} is not 1 or more", "write for instance 3, or [1.5, 3]")
    if along not in get_args(Along):
        raise UsageError("UNKNOWN_AXIS", "low_resolution.along", f"{along!r} is no choice of axes", nearest(along, get_args(Along)))
    return LowResolution(factor=(low, high), along=cast(Along, along), p=chance(p, "low_resolution.p"))


def _two(factor: object) -> Range:
    numbers = list(factor) if isinstance(factor, (list, tuple)) else []
    if len(numbers) != 2 or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise UsageError(
            "BAD_RANGE", "low_resolution.factor", f"{factor!r} is neither a number nor two numbers", "write for instance [1.5, 3]"
        )
    return float(numbers[0]), float(numbers[1])
