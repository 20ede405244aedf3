"""Covers random boxes, so that no single place decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.errors import UsageError
from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import Amount, Range, chance, share, uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class Cutout(Intensity):
    """Boxes filled with each channel's mean."""

    size: Range
    count: int
    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place. A box may reach over the edge; its centre never does."""
        shape = np.array(values.shape[1:])
        for _ in range(self.count):
            if rng.random() >= self.p:
                continue
            size = np.array([uniform(rng, self.size) for _ in shape]) * shape
            centre = rng.uniform(size=shape.size) * shape
            low = np.maximum(np.round(centre - size / 2), 0).astype(int)
            high = np.minimum(np.round(centre + size / 2), shape).astype(int)
            box = (slice(None), *(slice(a, b) for a, b in zip(low, high, strict=True)))
            values[box] = values.mean(axis=tuple(range(1, values.ndim)), keepdims=True)
        return values


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
