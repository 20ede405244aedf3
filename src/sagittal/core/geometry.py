"""Where the samples of an image lie in the world."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sagittal.core._affine import determinant, inverse, lengths
from sagittal.core.window import Window

Unit = Literal["mm", "um", "px", "none"]
Frame = Literal["patient", "slide", "none"]

REMEMBERED = 256
"""Pictures of one size share one grid, so that what follows from it is worked out once; of so many sizes at a time."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Geometry:
    """A grid of samples in the world, without the samples.

    ``affine`` maps *array index order* to world: ``world = affine[:n, :n] @ index + affine[:n, n]``,
    with ``n = len(shape)``. Integer indices are the centres of the samples.

    A table row has shape ``()``. A picture has shape ``(y, x)`` and a world of ``(x, y)`` in pixels
    whose corner, not centre, is the origin: the centre of the first pixel is at (0.5, 0.5), as in
    SVG and in slide viewers. A volume has shape ``(i, j, k)`` and a world of RAS+ in mm.

    >>> g = Geometry.picture((496, 512))
    >>> g.spacing, g.to_world([0, 0]).tolist()
    ((1.0, 1.0), [0.5, 0.5])
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64] = field(repr=False)
    unit: Unit = "none"
    frame: Frame = "none"
    _back: NDArray[np.float64] | None = field(init=False, repr=False, default=None)
    _steps: tuple[float, ...] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        n = len(self.shape)
        if affine.shape != (n + 1, n + 1):
            raise ValueError(f"a grid of {n} axes needs an affine of shape {(n + 1, n + 1)}, not {affine.shape}")
        rows = affine.tolist()
        # A sum is finite where all its terms are.
        if not math.isfinite(sum(map(sum, rows))) or abs(determinant([row[:n] for row in rows[:n]])) < 1e-12:
            raise ValueError("the affine is singular or not finite")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(s) for s in self.shape))

    @classmethod
    def none(cls) -> Geometry:
        """The geometry of a table row: no axes."""
        return cls(shape=(), affine=np.eye(1))

    @classmethod
    def picture(cls, shape: Sequence[int]) -> Geometry:
        """A picture of ``(rows, columns)`` in its own pixels; the world is ``(x, y)``. The same grid for the same shape."""
        return _picture(tuple(shape))

    @property
    def axes(self) -> int:
        """How many axes the grid has: 0, 2 or 3."""
        return len(self.shape)

    @property
    def spacing(self) -> tuple[float, ...]:
        """World units from one sample to the next, along each index axis; computed when first asked for."""
        if self._steps is None:
            object.__setattr__(self, "_steps", lengths(self.affine))
        return self._steps or ()

    @property
    def cell(self) -> float:
        """How much of the world one sample stands for: mm\N{SUPERSCRIPT THREE} of a volume, square pixels of a picture.

        >>> Geometry(shape=(4, 4, 4), affine=np.diag([2.0, 2.0, -3.0, 1.0]), unit="mm").cell
        12.0
        """
        n = self.axes
        return abs(determinant([row[:n] for row in self.affine.tolist()[:n]]))

    @property
    def inverse(self) -> NDArray[np.float64]:
        """The affine from the world to array indices; computed when first asked for."""
        if self._back is None:
            back = inverse(self.affine)
            back.setflags(write=False)
            object.__setattr__(self, "_back", back)
            return back
        return self._back

    def to_world(self, index: ArrayLike) -> NDArray[np.float64]:
        """World coordinates of indices, ``(..., n)`` to ``(..., n)``."""
        n = self.axes
        moved: NDArray[np.float64] = np.asarray(index, dtype=np.float64) @ self.affine[:n, :n].T + self.affine[:n, n]
        return moved

    def to_index(self, world: ArrayLike) -> NDArray[np.float64]:
        """Fractional indices of world coordinates, ``(..., n)`` to ``(..., n)``."""
        n = self.axes
        back = self.inverse
        moved: NDArray[np.float64] = np.asarray(world, dtype=np.float64) @ back[:n, :n].T + back[:n, n]
        return moved

    def index_map(self, source: Geometry) -> NDArray[np.float64]:
        """The affine from indices of this grid to indices of ``source``: where to read from. Not to be written to."""
        return _index_map(self, source)

    def at(self, window: Window) -> Geometry:
        """The grid of a window of this grid; it keeps its place in the world."""
        shift = np.eye(self.axes + 1)
        shift[: self.axes, self.axes] = window.start
        return Geometry(shape=window.size, affine=self.affine @ shift, unit=self.unit, frame=self.frame)

    def resized(self, shape: Sequence[int]) -> Geometry:
        """A grid of another shape over the same field of view: outer edges, not centres, coincide."""
        return _resized(self, tuple(shape))

    def with_spacing(self, spacing: Sequence[float]) -> Geometry:
        """A grid over the same field of view whose spacing is as close to this as whole samples allow."""
        shape = [max(1, round(n * old / new)) for n, old, new in zip(self.shape, self.spacing, spacing, strict=True)]
        return self.resized(shape)

    def moved(self, index_affine: ArrayLike) -> Geometry:
        """The same shape, its indices first put through an affine (``(n+1, n+1)``): flips, turns, zooms."""
        return Geometry(shape=self.shape, affine=self.affine @ np.asarray(index_affine), unit=self.unit, frame=self.frame)

    def upright(self) -> Geometry:
        """The same samples with axes in the order and direction of the world's: a volume's run right, anterior, superior.

        Each axis goes to the world axis that it runs along most; an oblique grid stays oblique. However a volume was
        stored, its upright grid shows it the same way round.

        >>> g = Geometry(shape=(9, 4, 5), affine=[[0, -2, 0, 6], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 1]], unit="mm")
        >>> g.upright().shape, np.diag(g.upright().affine).tolist()
        ((4, 5, 9), [2.0, 2.0, 3.0, 1.0])
        """
        n = self.axes
        along = self.affine[:n, :n] / np.array(self.spacing) if n else np.zeros((0, 0))
        order = max(itertools.permutations(range(n)), key=lambda p: sum(abs(along[world, own]) for world, own in enumerate(p)))
        step = np.zeros((n + 1, n + 1))
        step[n, n] = 1
        for world, own in enumerate(order):
            turned = along[world, own] < 0
            step[own, world] = -1 if turned else 1
            step[own, n] = self.shape[own] - 1 if turned else 0
        return Geometry(shape=tuple(self.shape[own] for own in order), affine=self.affine @ step, unit=self.unit, frame=self.frame)

    def points(self) -> NDArray[np.float64]:
        """World coordinates of every sample, ``(*shape, n)``."""
        grid = np.stack(np.meshgrid(*(np.arange(s) for s in self.shape), indexing="ij"), axis=-1) if self.axes else np.zeros((0,))
        return self.to_world(grid)

    def corners(self) -> NDArray[np.float64]:
        """World coordinates of the centres of the corner samples, ``(2**n, n)``."""
        ends = np.array(np.meshgrid(*([0, s - 1] for s in self.shape), indexing="ij")).reshape(self.axes, -1).T
        return self.to_world(ends)

    def same_grid(self, other: Geometry, *, tolerance: float = 1e-3) -> bool:
        """Whether both grids have the same shape and corners within ``tolerance`` world units."""
        if self.shape != other.shape or self.unit != other.unit:
            return False
        return self.axes == 0 or float(np.abs(self.corners() - other.corners()).max()) <= tolerance

    def apart(self, other: Geometry) -> str:
        """How two grids differ, in words, for messages.

        >>> grid = Geometry(shape=(4, 5, 6), affine=np.eye(4), unit="mm")
        >>> grid.apart(Geometry(shape=(4, 5, 6), affine=np.diag([1, 1, 2, 1]), unit="mm"))
        'the corners lie 5 mm apart (spacing 1 x 1 x 1 and 1 x 1 x 2)'
        >>> grid.apart(grid.resized((4, 5, 3)))
        'sizes 4 x 5 x 6 and 4 x 5 x 3'
        """
        if self.shape != other.shape:
            return f"sizes {_times(self.shape)} and {_times(other.shape)}"
        if self.unit != other.unit:
            return f"one is in {self.unit}, the other in {other.unit}"
        distance = float(np.linalg.norm(self.corners() - other.corners(), axis=-1).max())
        own, theirs = (_times([round(v, 3) for v in grid.spacing]) for grid in (self, other))
        told = f" (spacing {own} and {theirs})" if own != theirs else ""
        return f"the corners lie {distance:.3g} {self.unit if self.unit != 'none' else 'units'} apart{told}"

    def record(self) -> dict[str, object]:
        """A JSON-ready description."""
        return {"shape": list(self.shape), "affine": self.affine.tolist(), "unit": self.unit, "frame": self.frame}


def _times(numbers: Sequence[float]) -> str:
    return " x ".join(f"{n:g}" for n in numbers)


@lru_cache(maxsize=REMEMBERED)
def _picture(shape: tuple[int, ...]) -> Geometry:
    affine = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.0, 1.0]])
    return Geometry(shape=shape, affine=affine, unit="px")


@lru_cache(maxsize=REMEMBERED)
def _resized(grid: Geometry, shape: tuple[int, ...]) -> Geometry:
    n = grid.axes
    scale = np.eye(n + 1)
    for axis, (old, new) in enumerate(zip(grid.shape, shape, strict=True)):
        step = old / new
        scale[axis, axis] = step
        scale[axis, n] = (step - 1) / 2
    return Geometry(shape=shape, affine=grid.affine @ scale, unit=grid.unit, frame=grid.frame)


@lru_cache(maxsize=REMEMBERED)
def _index_map(grid: Geometry, source: Geometry) -> NDArray[np.float64]:
    mapped: NDArray[np.float64] = source.inverse @ grid.affine
    mapped.setflags(write=False)
    return mapped
