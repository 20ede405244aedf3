"""Windows merged in a ring: scores live only as long as a window may still add to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core.window import Window
from sagittal.ops._jit import kernel

Floats = NDArray[np.float32]
Blend = Literal["gaussian", "constant"]

LEAST_WEIGHT = 1e-3
"""No sample of a window counts less, so that one seen by a single window is defined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lattice:
    """Windows of one size whose starts along each axis are combined in all ways, in array order.

    Args:
        shape: The grid that they cover.
        size: Of every window.
        starts: Along each axis, ascending.
        blend: How a window's weight falls towards its borders.

    >>> cover = [Window((a, b), (4, 4)) for a in (0, 2) for b in (0, 4)]
    >>> Lattice.of(cover, (6, 8)).starts
    ((0, 2), (0, 4))
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]
    blend: Blend = "gaussian"

    @classmethod
    def of(cls, windows: Sequence[Window], shape: tuple[int, ...], *, blend: Blend = "gaussian") -> Lattice | None:
        """The lattice of a cover; None where the windows make none, or leave a sample out."""
        if not shape or not windows:
            return None
        starts = tuple(tuple(sorted({w.start[axis] for w in windows})) for axis in range(len(shape)))
        found = cls(shape=shape, size=windows[0].size, starts=starts, blend=blend)
        return found if list(windows) == found.windows and found._covers() else None

    @property
    def windows(self) -> list[Window]:
        """All of them, the first axis slowest."""
        places: list[tuple[int, ...]] = [()]
        for along in self.starts:
            places = [(*head, at) for head in places for at in along]
        return [Window(at, self.size) for at in places]

    def _covers(self) -> bool:
        return all(not np.isnan(w).any() for axis in range(len(self.shape)) for w in self.weights(axis).values())

    def weights(self, axis: int) -> dict[int, Floats]:
        """By start, what each sample of a window counts along an axis: all windows together count 1 everywhere.

        The weight of a sample is the product over the axes, and so is the sum over all windows: no volume of weights
        is needed to divide by.
        """
        n, size = self.shape[axis], self.size[axis]
        own = fade(size, self.blend)
        total = np.zeros(n)
        inside = {at: slice(max(at, 0), min(at + size, n)) for at in self.starts[axis]}
        for at, part in inside.items():
            total[part] += own[part.start - at : part.stop - at]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = {at: (own[p.start - at : p.stop - at] / total[p]).astype(np.float32) for at, p in inside.items()}
        return share if total.all() else {self.starts[axis][0]: np.full(1, np.nan, np.float32)}


def fade(size: int, blend: Blend = "gaussian") -> NDArray[np.float64]:
    """The weight of a window's samples along one axis: 1 in its middle, or everywhere.

    The Gaussian's deviation is an eighth of the window, as nnU-Net has it (Isensee et al., Nature Methods 18, 2021).
    """
    if blend == "constant":
        return np.ones(size)
    at = (np.arange(size) - (size - 1) / 2) / max(size / 8, 1e-6)
    weight: NDArray[np.float64] = np.maximum(np.exp(-0.5 * at**2), LEAST_WEIGHT)
    return weight


class Ring:
    """The weighted mean of windows, row by row of the first axis.

    Windows are added in the order of their lattice. Rows that no window will touch again are *closed*: whoever uses them
    reads them and drops them, and their memory takes the next ones. Where one window covers everything nothing is copied.

    >>> cover = Lattice(shape=(6, 2), size=(4, 2), starts=((0, 2), (0,)))
    >>> ring = Ring(cover)
    >>> ring.add(np.ones((1, 4, 2), np.float32))
    >>> ring.closed, ring.rows(0, 2).tolist()
    (2, [[[1.0, 1.0], [1.0, 1.0]]])
    """

    def __init__(self, lattice: Lattice, *, margin: int = 0) -> None:
        """Empty; ``margin`` is how many closed rows may be kept when the next window comes."""
        self._lattice = lattice
        self._weights = [lattice.weights(axis) for axis in range(len(lattice.shape))]
        self._windows = lattice.windows
        self._each = len(self._windows) // len(lattice.starts[0])
        self._capacity = min(lattice.shape[0], lattice.size[0] + margin)
        self._low = self._high = self._n = 0
        self._sums: Floats | None = None

    @property
    def windows(self) -> Sequence[Window]:
        """In the order in which they must come."""
        return self._windows

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid."""
        return self._lattice.shape

    @property
    def closed(self) -> int:
        """Rows below this are final."""
        rows, starts = self._n // self._each, self._lattice.starts[0]
        return max(0, starts[rows]) if rows < len(starts) else self._lattice.shape[0]

    def add(self, scores: Floats) -> None:
        """Take the scores ``(K, *size)`` of the next window; what lies outside the grid is dropped."""
        window, shape = self._windows[self._n], self._lattice.shape
        inside = window.inside(shape)
        local = tuple(slice(a - b, a - b + n) for a, b, n in zip(inside.start, window.start, inside.size, strict=True))
        part = scores[(slice(None), *local)]
        if len(self._windows) == 1:
            self._sums, self._high = part, shape[0]
        else:
            sums = self._room(len(scores), inside)
            weights = [w[at] for w, at in zip(self._weights, window.start, strict=True)]
            at = (inside.start[0] - self._low, *inside.start[1:])
            _add(_lift(sums), _three(at, 0), _lift(np.ascontiguousarray(part)), *_three(tuple(weights), np.ones(1, np.float32)))
        self._n += 1

    def rows(self, start: int, stop: int) -> Floats:
        """The scores ``(K, stop - start, ...)`` of closed rows: a view that the next window may change.

        Raises:
            ValueError: They are not closed yet, or dropped.
        """
        if self._sums is None or not self._low <= start <= stop <= self.closed:
            raise ValueError(f"rows {start} to {stop} are not among {self._low} to {self.closed}")
        return self._sums[:, start - self._low : stop - self._low]

    def drop(self, start: int) -> None:
        """Rows below this are not asked for again."""
        if len(self._windows) == 1 or self._sums is None or start <= self._low:
            return
        kept, moved = self._high - start, start - self._low
        for scores in self._sums:
            for row in range(kept):  # one at a time: they would lie on one another
                scores[row] = scores[row + moved]
        self._low = start

    def _room(self, classes: int, inside: Window) -> Floats:
        """The sums, with all rows of a window there."""
        if self._sums is None:
            self._sums = np.empty((classes, self._capacity, *self._lattice.shape[1:]), np.float32)
        stop = inside.stop[0]
        if stop - self._low > self._capacity:
            raise ValueError(f"rows {self._low} to {stop} do not fit into {self._capacity}; drop closed ones first")
        if stop > self._high:
            self._sums[:, self._high - self._low : stop - self._low] = 0
            self._high = stop
        return self._sums


def highest(scores: Floats) -> NDArray[np.uint8] | NDArray[np.int16]:
    """The class with the highest score of every sample, the first one of equals; ``(K, *shape)`` to ``shape``.

    >>> highest(np.array([[0.2, 0.5], [0.8, 0.5]], np.float32)).tolist()
    [1, 0]
    """
    if not (scores.dtype == np.float32 and scores[0].flags.c_contiguous and scores.strides[0] > 0):
        scores = np.ascontiguousarray(scores, dtype=np.float32)
    classes, n = len(scores), scores[0].size
    step = scores.strides[0] // scores.itemsize if classes > 1 else 0
    flat = np.lib.stride_tricks.as_strided(scores, shape=((classes - 1) * step + n,), strides=(scores.itemsize,))
    found = np.empty(scores.shape[1:], np.uint8 if classes <= 256 else np.int16)
    _highest(flat, classes, step, found.reshape(-1))
    return found


def _three(values: tuple[Any, ...], missing: Any) -> tuple[Any, Any, Any]:
    """A value each of three axes; missing ones come after the first, which is the one that is walked."""
    first, *rest = values
    padded = (first, *[missing] * (3 - len(values)), *rest)
    return padded[0], padded[1], padded[2]


def _lift(values: Floats) -> Floats:
    channels, first, *rest = values.shape
    return values.reshape(channels, first, *[1] * (3 - values.ndim + 1), *rest)


@kernel
def _add(sums: Any, at: Any, scores: Any, w0: Any, w1: Any, w2: Any) -> None:
    """Add a window's weighted scores ``(K, i, j, k)`` to the sums from ``at`` on."""
    for c in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            for j in range(scores.shape[2]):
                weight = w0[i] * w1[j]
                row = scores[c, i, j]
                into = sums[c, at[0] + i, at[1] + j, at[2] : at[2] + row.size]
                for k in range(row.size):
                    into[k] += weight * w2[k] * row[k]


@kernel
def _highest(flat: Any, classes: int, step: int, found: Any) -> None:
    """Piece by piece, so that the best scores so far stay in the cache."""
    piece = 4096
    best = np.empty(piece, np.float32)
    label = np.empty(piece, found.dtype)
    for start in range(0, found.size, piece):
        n = min(piece, found.size - start)
        for i in range(n):
            best[i] = flat[start + i]
            label[i] = 0
        for c in range(1, classes):
            row = flat[c * step + start : c * step + start + n]
            for i in range(n):
                if row[i] > best[i]:
                    best[i] = row[i]
                    label[i] = c
        found[start : start + n] = label[:n]
