"""From the rows of one grid, as they become known, to the samples of another grid along the same axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.ops.lowpass import shrinking_taps
from sagittal.ops.readmap import DECIMALS, ReadMap
from sagittal.ops.warp import Outside

PIECE_BYTES = 32 << 20
"""So much is made at a time."""

TOLERANCE = 1e-3
"""How far, in samples, grids that fall on one another may lie apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Some rows of the wanted grid.

    Args:
        rows: ``start, stop`` of the rows of the known grid from which it is made.
        crop: The part of their samples that is wanted, along the other axes.
        into: Where it goes, in the wanted grid turned as the known one.
        done: Wanted rows below this are there then.
        through: How it is read from these rows; None where samples fall on samples.
    """

    rows: tuple[int, int]
    crop: tuple[slice, ...]
    into: tuple[slice, ...]
    done: int
    through: ReadMap | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Regrid:
    """How a wanted grid lies in a known one whose axes it shares, in whatever order and direction.

    Args:
        shape: Of the known grid.
        order: Which axis of the wanted grid runs along each axis of the known one.
        turned: Whether it runs the other way.
        wanted: The shape of the wanted grid, its axes in the known one's order.
        step: Samples of the known grid from one wanted sample to the next.
        start: Where the first wanted sample lies.
        outside: What stands for samples off the known grid: ``edge`` repeats it.

    >>> known = Geometry(shape=(4, 6), affine=np.eye(3))
    >>> mirrored = Geometry(shape=(6, 4), affine=[[0, 1, 0], [-1, 0, 5], [0, 0, 1]])
    >>> Regrid.of(known, mirrored).exact
    True
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    turned: tuple[bool, ...]
    wanted: tuple[int, ...]
    step: tuple[float, ...]
    start: tuple[float, ...]
    outside: Outside = "edge"

    @classmethod
    def of(cls, known: Geometry, wanted: Geometry, *, outside: Outside = "edge") -> Regrid | None:
        """The way between two grids; None where their axes do not run along one another, or there are none."""
        n = known.axes
        if n == 0 or wanted.axes != n:
            return None
        affine = wanted.index_map(known).round(DECIMALS)
        order, turned, steps, starts = [], [], [], []
        for row in affine[:n]:
            axis = int(np.abs(row[:n]).argmax())
            if max((abs(row[a]) * (wanted.shape[a] - 1) for a in range(n) if a != axis), default=0.0) > TOLERANCE:
                return None
            away = bool(row[axis] < 0)
            order.append(axis)
            turned.append(away)
            steps.append(abs(float(row[axis])))
            starts.append(float(row[n] + (row[axis] * (wanted.shape[axis] - 1) if away else 0.0)))
        if sorted(order) != list(range(n)):
            return None
        return cls(
            shape=known.shape,
            order=tuple(order),
            turned=tuple(turned),
            wanted=tuple(wanted.shape[axis] for axis in order),
            step=tuple(steps),
            start=tuple(starts),
            outside=outside,
        )

    @property
    def exact(self) -> bool:
        """Every wanted sample is a sample of the known grid, or off it where a number stands for those."""
        axes = list(zip(self.step, self.start, self.shape, self.wanted, strict=True))
        whole = all(abs(step - 1) * (m - 1) <= TOLERANCE and abs(at - round(at)) <= TOLERANCE for step, at, _, m in axes)
        return whole and (self.outside != "edge" or all(0 <= round(at) <= n - m for _, at, n, m in axes))

    def turn(self, values: NDArray[Any]) -> NDArray[Any]:
        """A view of an array on the wanted grid, ``(*shape)``, whose axes run as the known one's."""
        back = {axis for axis, away in zip(self.order, self.turned, strict=True) if away}
        return values[tuple(slice(None, None, -1 if a in back else 1) for a in range(values.ndim))].transpose(self.order)

    def margin(self, classes: int) -> int:
        """How many closed rows may still be needed when the next ones come."""
        if self.exact:
            return 0
        step = self.step[0]
        return math.ceil(step * (self._count(classes) - 1)) + 2 * math.ceil(2 + 2 * step) + shrinking_taps(step)[1] + 2

    def pieces(self, done: int, closed: int, *, classes: int) -> Iterator[Piece]:
        """The pieces that can be made now, of wanted rows from ``done`` on.

        Args:
            done: Wanted rows that are there.
            closed: Rows of the known grid that are there.
            classes: Channels of the scores.
        """
        count = self._count(classes)
        while done < self.wanted[0]:
            piece = (self._cut if self.exact else self._read)(done, min(done + count, self.wanted[0]))
            if self.exact and piece.rows[1] > closed > piece.rows[0]:
                piece = self._cut(done, closed - round(self.start[0]))
            if piece.rows[1] > closed:
                return
            yield piece
            done = piece.done

    def needed(self, done: int, closed: int, *, classes: int) -> int:
        """The first row of the known grid that a piece of wanted rows from ``done`` on may still ask for."""
        if self.exact or done >= self.wanted[0]:
            return closed
        return min(closed, self._read(done, min(done + self._count(classes), self.wanted[0])).rows[0])

    def _count(self, classes: int) -> int:
        """How many wanted rows are made at a time."""
        return max(1, min(self.wanted[0], PIECE_BYTES // (4 * classes * math.prod(self.wanted[1:]))))

    def _cut(self, start: int, stop: int) -> Piece:
        """Samples as they are; wanted ones off the known grid are left out."""
        first = [start, *[0] * (len(self.shape) - 1)]
        last = [stop, *self.wanted[1:]]
        inside = [
            (min(max(round(at) + a, 0), n), min(max(round(at) + b, 0), n), round(at))
            for at, a, b, n in zip(self.start, first, last, self.shape, strict=True)
        ]
        return Piece(
            rows=inside[0][:2],
            crop=tuple(slice(low, high) for low, high, _ in inside[1:]),
            into=tuple(slice(low - at, high - at) for low, high, at in inside),
            done=stop,
        )

    def _read(self, start: int, stop: int) -> Piece:
        n = len(self.shape)
        affine = np.diag([*self.step, 1.0])
        affine[:n, n] = self.start
        affine[0, n] += self.step[0] * start
        through = ReadMap((stop - start, *self.wanted[1:]), affine)
        window = through.window(self.shape)
        # Where rows are left out after filtering, every piece must leave out the same ones.
        first = window.start[0] // (stride := shrinking_taps(through.reach[0])[1]) * stride
        affine[0, n] -= first
        everything = tuple(slice(0, m) for m in self.wanted[1:])
        return Piece(
            rows=(first, window.stop[0]),
            crop=tuple(slice(0, m) for m in self.shape[1:]),
            into=(slice(start, stop), *everything),
            done=stop,
            through=ReadMap(through.shape, affine),
        )
