"""Where each sample of a grid is read from: all the geometry of resampling and augmentation in one map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops import _spline
from sagittal.ops._lattice import fewest

Floats = NDArray[np.float64]

DECIMALS = 9
"""Maps are rounded here, so that a product of inverse affines which should be the identity reads exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadMap:
    """Where to read from: ``source index = affine @ (target index + displacement)``.

    All the geometry of an augmentation and of resampling is in one such map; values, label maps and points
    that go through the same one stay together.

    Args:
        shape: The grid that is made.
        affine: ``(n+1, n+1)``, from target indices to source indices.
        field: Displacements at control points ``(n, *controls)`` in target samples, at least four along each
            axis, between which a cubic B-spline runs; the outermost ones lie one control step off the grid.

    >>> from sagittal.ops.warp import gather
    >>> half = ReadMap((2, 2), np.diag([2.0, 2.0, 1.0]))
    >>> gather(np.arange(16, dtype=np.uint8).reshape(1, 4, 4), half, order="nearest")[0].tolist()
    [[0.0, 2.0], [8.0, 10.0]]
    """

    shape: tuple[int, ...]
    affine: Floats = field(repr=False)
    field: Floats | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        n = len(self.shape)
        affine = np.array(self.affine, dtype=np.float64).round(DECIMALS)
        if affine.shape != (n + 1, n + 1) or not math.isfinite(sum(map(sum, affine.tolist()))):
            raise ValueError(f"a map onto {n} axes needs a finite affine of shape {(n + 1, n + 1)}, not {affine.shape}")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", tuple(map(int, self.shape)))
        object.__setattr__(self, "affine", affine)
        if self.field is not None:
            bent = np.array(self.field, dtype=np.float64)
            if bent.ndim != n + 1 or bent.shape[0] != n or min(bent.shape[1:]) < _spline.TAPS or not np.isfinite(bent).all():
                raise ValueError(f"a field over {n} axes has shape ({n}, 4 or more ...) and is finite, not {bent.shape}")
            bent.setflags(write=False)
            object.__setattr__(self, "field", bent)

    @property
    def axes(self) -> int:
        """How many axes target and source have."""
        return len(self.shape)

    @property
    def reach(self) -> tuple[float, ...]:
        """How many samples of the source, along each of its axes, a target sample stands for.

        Of the target's lattice, whatever steps it is described by: where thick slices are tilted, the step to the next
        slice passes several fine samples sideways, and steps within the slice see those all the same.
        """
        return fewest(self.affine[:-1, :-1].tolist())

    def onto(self, affine: ArrayLike) -> ReadMap:
        """The same map into another source, given the affine from the old source's indices to the new one's."""
        return ReadMap(self.shape, np.asarray(affine, dtype=np.float64) @ self.affine, self.field)

    def within(self, window: Window) -> ReadMap:
        """The same map into a window of the source."""
        if not any(window.start):
            return self
        shifted = self.affine.copy()
        shifted[:-1, -1] -= window.start
        return ReadMap(self.shape, shifted, self.field)

    def geometry(self, source: Geometry) -> Geometry:
        """Where the target lies in the world; displacements are not in it."""
        return Geometry(shape=self.shape, affine=source.affine @ self.affine, unit=source.unit, frame=source.frame)

    def source_of(self, index: ArrayLike) -> Floats:
        """Source indices of target indices, ``(..., n)`` to ``(..., n)``."""
        n = self.axes
        at = np.asarray(index, dtype=np.float64)
        if self.field is not None:
            at = at + _spline.displacement(self.field, at, shape=self.shape)
        moved: Floats = at @ self.affine[:n, :n].T + self.affine[:n, n]
        return moved

    def target_of(self, index: ArrayLike, *, steps: int = 30) -> Floats:
        """Target indices of source indices, ``(..., n)`` to ``(..., n)``: the way points and outlines go.

        With a field the answer is found by fixed-point iteration, which converges where the map does not fold.
        """
        n = self.axes
        inverse = np.linalg.inv(self.affine)
        straight: Floats = np.asarray(index, dtype=np.float64) @ inverse[:n, :n].T + inverse[:n, n]
        if self.field is None:
            return straight
        at = straight
        for _ in range(steps):
            at = np.subtract(straight, _spline.displacement(self.field, at, shape=self.shape))
        return at

    def window(self, source: Sequence[int]) -> Window:
        """The part of a source of this shape that is needed to read linearly with antialiasing; never empty."""
        n = self.axes
        bend = [0.0] * n
        if self.field is not None:
            bend = (np.abs(self.affine[:n, :n]) @ np.abs(self.field).reshape(n, -1).max(axis=1)).tolist()
        start, size = [], []
        for row, step, moved, samples in zip(self.affine[:n].tolist(), self.reach, bend, source, strict=True):
            spans = [a * (s - 1) for a, s in zip(row[:-1], self.shape, strict=True)]
            margin = moved + 2 + 2 * step
            low = math.floor(row[-1] + sum(min(a, 0.0) for a in spans) - margin)
            high = math.ceil(row[-1] + sum(max(a, 0.0) for a in spans) + margin) + 1
            low = min(max(low, 0), samples - 1)
            start.append(low)
            size.append(min(max(high, low + 1), samples) - low)
        return Window(tuple(start), tuple(size))
