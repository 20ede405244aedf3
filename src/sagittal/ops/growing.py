"""Objects that touch, told apart: insides of objects grow over what belongs to one of them, on rows that come one after the other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel
from sagittal.ops.components import components

REACH = 64
"""Steps that an inside grows; what is covered further away is an object of its own."""

BLOCK = 256
"""Rows that are told apart at once, at least."""

Marks = NDArray[np.uint8]
"""Of each sample: 0 outside of all objects, else ``1 + 2 * class``, and one more on the inside of an object."""

Numbers = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Objects:
    """What is known of objects when all rows have come; an object may have had several numbers until then.

    Args:
        root: By number, the object that it is part of, counted from 1 in reading order of the first samples; 0 for number 0.
        samples: Of each object, how many; the first one is object 1.
        votes: How many of them have each class, ``(objects, classes)``.
        centre: Their mean place in index coordinates, ``(objects, axes)``.
    """

    root: NDArray[np.int32]
    samples: NDArray[np.int64]
    votes: NDArray[np.int64]
    centre: NDArray[np.float64]


class Growing:
    """Marks to numbers of objects.

    An object is an inside whose samples hang together over faces, with all covered samples for which it is the nearest inside:
    nearest along covered samples, in steps over faces and over corners by turns, :data:`REACH` at most. Covered samples that
    nothing reaches are objects that hang together over corners. What a sample belongs to is known when
    that many rows below it are; it does not depend on how many come at once.

    >>> growing = Growing((5,), classes=1)
    >>> growing.add(np.array([[2, 1, 1, 2, 0]], np.uint8)), growing.close()[0].tolist()
    ([], [[1, 1, 2, 2, 0]])
    """

    def __init__(self, across: tuple[int, ...], *, classes: int) -> None:
        """No rows yet.

        Args:
            across: The shape of a row.
            classes: How many an object may have.
        """
        self._across, self._classes = across, classes
        self._marks: Marks = np.zeros((0, *across), np.uint8)
        self._top = self._done = 0
        self._last: Numbers | None = None
        self._parent = np.zeros(1, np.int64)
        self._table: list[NDArray[np.int64]] = []

    def add(self, marks: Marks) -> list[Numbers]:
        """The numbers of the rows, after those that were given before, that the next ones let be known."""
        self._marks = np.concatenate([self._marks, marks])
        known = self._top + len(self._marks)
        return [self._told_apart(known - REACH)] if known - REACH - self._done >= BLOCK else []

    def close(self) -> list[Numbers]:
        """The numbers of all further rows."""
        known = self._top + len(self._marks)
        return [self._told_apart(known)] if known > self._done else []

    def objects(self) -> Objects:
        """All objects, when the last number was given."""
        n, axes = len(self._parent), len(self._across) + 1
        root = self._parent.copy()
        for number in range(n):  # a number is part of a smaller one
            root[number] = root[root[number]]
        table = np.concatenate([np.zeros((0, 3 + axes + self._classes), np.int64), *self._table])
        number, first = root[table[:, 0]], table[:, 2]
        sums = np.zeros((n, table.shape[1]), np.int64)
        np.add.at(sums, number, table)
        starts = np.full(n, np.iinfo(np.int64).max)
        np.minimum.at(starts, number, first)
        found = np.unique(number)
        order = found[np.argsort(starts[found])]
        rank = np.zeros(n, np.int32)
        rank[order] = np.arange(1, len(order) + 1)
        samples = sums[order, 1]
        centre = sums[order, 3 : 3 + axes] / np.maximum(samples, 1)[:, None]
        return Objects(root=rank[root], samples=samples, votes=sums[order, 3 + axes :], centre=centre)

    def _told_apart(self, stop: int) -> Numbers:
        """The numbers of rows up to ``stop``; the row before them is looked at again, so that objects keep theirs."""
        start = max(0, self._done - 1)
        core = slice(start - self._top, stop - self._top)
        covered = self._marks > 0
        numbers, n = components(covered & (self._marks % 2 == 0), connectivity="faces")
        spread(numbers, covered, reach=REACH)
        rest = covered[core] & (numbers[core] == 0)
        if rest.any():
            more, extra = components(rest)
            numbers[core][rest] = more[rest] + np.uint32(n)
            n += extra
        local = numbers[core]
        names = self._names(local, n)
        fresh = local[self._done - start :]
        self._count(fresh, self._marks[core][self._done - start :], names, n)
        found: Numbers = names.astype(np.int32)[fresh]
        self._last, self._done = found[-1], stop
        keep = max(0, stop - 1 - REACH - 1)
        self._marks, self._top = self._marks[keep - self._top :], keep
        return found

    def _names(self, local: NDArray[np.uint32], n: int) -> NDArray[np.int64]:
        """By the number in a block, that in all: those in the row before have one, and two of them may now be one object."""
        names = np.zeros(n + 1, np.int64)
        if self._last is not None:
            both = np.unique(np.stack([local[0].ravel().astype(np.int64), self._last.ravel().astype(np.int64)], axis=1), axis=0)
            for here, before in both[both[:, 0] > 0].tolist():
                names[here] = self._joined(int(names[here]), before) if names[here] else self._root(before)
        present = np.unique(local)
        new = present[(present > 0) & (names[present] == 0)]
        names[new] = len(self._parent) + np.arange(len(new))
        self._parent = np.concatenate([self._parent, names[new]])
        return names

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            number = int(self._parent[number])
        return number

    def _joined(self, one: int, other: int) -> int:
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low
        return low

    def _count(self, local: NDArray[np.uint32], marks: Marks, names: NDArray[np.int64], n: int) -> None:
        """Note of each object in new rows: its number, samples, first sample, sums of places, and samples of each class."""
        places = np.flatnonzero(local)
        mine = local.ravel()[places].astype(np.int64)
        at = places + self._done * int(np.prod(self._across, dtype=np.int64))
        first = np.zeros(n + 1, np.int64)
        first[mine[::-1]] = at[::-1]
        axes = np.unravel_index(places, local.shape)
        sums = [np.bincount(mine, axis + (self._done if k == 0 else 0), n + 1) for k, axis in enumerate(axes)]
        voted = np.bincount(mine * self._classes + (marks.ravel()[places] - 1) // 2, minlength=(n + 1) * self._classes)
        samples = np.bincount(mine, minlength=n + 1)
        columns = [names, samples, first, *(s.astype(np.int64) for s in sums), *voted.reshape(n + 1, self._classes).T]
        self._table.append(np.stack(columns, axis=1)[samples > 0])


def spread(numbers: NDArray[np.uint32], covered: NDArray[np.bool_], *, reach: int) -> None:
    """Give covered samples without a number that of the nearest sample that has one, in place.

    Nearest in steps along covered samples, over faces and over corners by turns; of equally near ones the first in a
    fixed order of directions, whatever their numbers.
    """
    shape = tuple(n + 2 for n in numbers.shape)
    inner = (slice(1, -1),) * numbers.ndim
    flat, free = np.zeros(shape, np.uint32), np.zeros(shape, np.bool_)
    flat[inner], free[inner] = numbers, covered & (numbers == 0)
    if not free.any():
        return
    strides = [int(np.prod(shape[k + 1 :], dtype=np.int64)) for k in range(len(shape))]
    ways = [way for way in itertools.product((-1, 0, 1), repeat=len(shape)) if any(way)]
    corners = np.array([sum(a * b for a, b in zip(way, strides, strict=True)) for way in ways])
    faces = np.array([o for o, way in zip(corners, ways, strict=True) if sum(map(abs, way)) == 1])
    _spread(flat.reshape(-1), free.reshape(-1), faces, corners, reach)
    numbers[...] = flat[inner]


@kernel
def _spread(numbers: Any, free: Any, faces: Any, corners: Any, reach: Any) -> None:
    """Step by step; a sample of one step does not look at others of the same one."""
    size = free.size
    level = np.zeros(size, np.uint8)
    edge = np.empty(int((numbers > 0).sum()), np.int64)
    n = 0
    for i in range(size):
        if numbers[i]:
            level[i] = 1
            for way in corners:
                if free[i + way]:
                    edge[n] = i
                    n += 1
                    break
    queue = np.empty(n + int(free.sum()), np.int64)
    queue[:n] = edge[:n]
    before, last, stop = 0, 0, n
    for step in range(1, reach + 1):
        ways = faces if step % 2 else corners
        end = stop
        for k in range(last if step % 2 else before, stop):
            for way in ways:
                i = queue[k] + way
                if free[i]:
                    for back in ways:
                        if level[i + back] and level[i + back] <= step:
                            numbers[i] = numbers[i + back]
                            break
                    free[i] = False
                    level[i] = step + 1
                    queue[end] = i
                    end += 1
        if end == stop and last == stop:
            break
        before, last, stop = last, stop, end
