"""Covers random boxes, so that no single place decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagittal.errors import UsageError
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, share, uniform

if TYPE_CHECKING:
    from torch import Tensor

Box = tuple[slice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cutout(Intensity):
    """Boxes filled with each channel's mean."""

    size: Range
    count: int
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place. A box may reach over the edge; its centre never does."""
        for box in self._boxes(values.shape[1:], rng):
            values[box] = values.mean(axis=tuple(range(1, values.ndim)), keepdims=True)
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        for box in self._boxes(values.shape[1:], rng):
            values[box] = values.mean(dim=tuple(range(1, values.ndim)), keepdim=True)
        return values

    def _boxes(self, grid: Sequence[int], rng: np.random.Generator) -> Iterator[Box]:
        """Those of this time, for all channels."""
        shape = np.array(grid)
        for _ in range(self.count):
            if rng.random() >= self.p:
                continue
            size = np.array([uniform(rng, self.size) for _ in shape]) * shape
            centre = rng.uniform(size=shape.size) * shape
            low = np.maximum(np.round(centre - size / 2), 0).astype(int)
            high = np.minimum(np.round(centre + size / 2), shape).astype(int)
            yield (slice(None), *(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)))


def cutout(*, size: Amount = (0.1, 0.3), count: int = 1, p: float = 0.5) -> Intensity:
    """Boxes of random size and place, filled with the mean. Masks stay as they are.

    Args:
        size: Sides as shares of the grid's.
        count: How many boxes at most.
        p: How likely, for each box.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError("BAD_RANGE", "cutout.count", f"{count!r} is not a number of boxes", "use a whole number from 1 on")
    return Cutout(size=share(size, "cutout.size"), count=count, p=chance(p, "cutout.p"))
