"""Random patches for training, a share of them on an object; overlapping windows for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.windows._windowing import Cover, Windowing, check_blend, check_overlap, sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Patches:
    grid: Cover
    per_case: int
    on_object: float

    @property
    def one(self) -> bool:
        return False

    @property
    def thin(self) -> None:
        return None

    @property
    def patch(self) -> Cover:
        return self.grid

    @property
    def fixed(self) -> bool:
        return False

    def draws(self, grid: Geometry) -> int:
        return self.per_case

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, mask: NDArray[np.int16] | None) -> Window:
        size = self.grid.of(grid)
        free = [max(n - s, 0) for n, s in zip(grid.shape, size, strict=True)]
        pad = [-(max(s - n, 0) // 2) for n, s in zip(grid.shape, size, strict=True)]
        start = [int(rng.integers(f + 1)) for f in free]
        if mask is not None and rng.random() < self.on_object:
            start = self._on_object(start, free, mask, rng)
        return Window(tuple(p if f == 0 else at for at, f, p in zip(start, free, pad, strict=True)), size)

    def _on_object(self, start: list[int], free: list[int], mask: NDArray[np.int16], rng: np.random.Generator) -> list[int]:
        """A start whose window holds a random sample of a random foreground class."""
        classes = [c for c in np.unique(mask) if c > 0]
        if not classes:
            return start
        where = np.flatnonzero(mask == classes[int(rng.integers(len(classes)))])
        centre = np.unravel_index(int(where[int(rng.integers(len(where)))]), mask.shape)
        size = self.grid.size if len(self.grid.size) == mask.ndim else self.grid.size * mask.ndim
        return [int(np.clip(int(c) - int(rng.integers(s)), 0, f)) for c, s, f in zip(centre, size, free, strict=True)]

    def cover(self, grid: Geometry) -> list[Window]:
        return self.grid.windows(grid)


def patches(
    *, size: int | Sequence[int] = 96, per_case: int = 4, on_object: float = 0.5, overlap: float = 0.5, blend: str = "gaussian"
) -> Windowing:
    """Random patches of one size.

    Args:
        size: Samples along each axis; one number for all axes.
        per_case: Patches taken from each case in an epoch.
        on_object: The share of patches that is made to hold a sample of a foreground class.
        overlap: Of the windows that cover a case for the answer.
        blend: How those are weighted where they overlap: ``gaussian`` or ``constant``.

    >>> patches(size=32).draw(Geometry.picture((64, 64)), 0, np.random.default_rng(0), None).size
    (32, 32)
    """
    return _Patches(
        grid=Cover(size=sizes(size), overlap=check_overlap(overlap), blend=check_blend(blend)), per_case=per_case, on_object=on_object
    )
