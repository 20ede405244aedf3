"""Objects of the truth beside those of the answer: which belong together, and how alike they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.spatial import KDTree

from sagittal.core import Geometry

Numbers = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
Boxes = list[tuple[slice, ...]]

GLAS = "as the GlaS challenge (Sirinukunwattana et al. 2017)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """The objects of one of the two.

    Args:
        map: Numbers from 1 without gaps, on the grid.
        sizes: ``(n,)`` samples.
        boxes: Where each lies.
        best: ``(n,)``: the place of the object of the other side with which it shares most; -1 where it shares nothing.
        shared: ``(n,)`` samples that it has in common with that one.
    """

    map: NDArray[np.int64] = field(repr=False)
    sizes: NDArray[np.int64]
    boxes: Boxes = field(repr=False)
    best: NDArray[np.int64]
    shared: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    def points(self, n: int, grid: Geometry, *, but: Side | None = None, other: int = 0) -> NDArray[np.float64]:
        """The world points of an object; of those only that do not belong to an object of the other side, where asked."""
        box = self.boxes[n]
        mine = self.map[box] == n + 1
        if but is not None:
            mine &= but.map[box] != other + 1
        return grid.to_world(np.argwhere(mine) + [s.start for s in box])


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """The objects of a class in truth and answer.

    Args:
        truth: With their best partners in the answer.
        answer: With their best partners in the truth.
        grid: On which they lie.
    """

    truth: Side
    answer: Side
    grid: Geometry

    def found(self, least: float) -> int:
        """How many answered objects cover this share of the true object that they share most with; each true one counts once."""
        some = self.answer.best >= 0
        best, shared = self.answer.best[some], self.answer.shared[some]
        return len(np.unique(best[shared >= least * self.truth.sizes[best]]))

    def weighted(self, alike: Callable[[Side, int, Side], float]) -> float:
        """The mean of both directions of what each object is worth beside its partner, weighted by its size."""
        total = 0.0
        for one, other in ((self.truth, self.answer), (self.answer, self.truth)):
            weights = one.sizes / one.sizes.sum() if len(one) else one.sizes
            total += sum(float(w) * alike(one, n, other) for n, w in enumerate(weights)) / 2
        return total

    def dice(self) -> float:
        """Object-level Dice; an object without a partner has 0."""

        def alike(one: Side, n: int, other: Side) -> float:
            best = int(one.best[n])
            return 2 * float(one.shared[n]) / float(one.sizes[n] + other.sizes[best]) if best >= 0 else 0.0

        return self.weighted(alike)

    def hausdorff(self) -> float:
        """Object-level Hausdorff distance in world units; an object that shares nothing is compared with the nearest one."""

        def alike(one: Side, n: int, other: Side) -> float:
            best = int(one.best[n])
            return hausdorff(one, n, other, best, self.grid) if best >= 0 else self._nearest(one, n, other)

        return self.weighted(alike)

    def _nearest(self, one: Side, n: int, other: Side) -> float:
        """The smallest Hausdorff distance to any object; those whose boxes tell that they are farther are not measured."""
        least = np.array([_apart(one.boxes[n], box, self.grid) for box in other.boxes])
        smallest = np.inf
        for m in np.argsort(least, kind="stable"):
            if least[m] >= smallest:
                break
            smallest = min(smallest, hausdorff(one, n, other, int(m), self.grid))
        return float(smallest)


def matched(truth: Numbers, answer: Numbers, grid: Geometry) -> Matched:
    """The objects in two maps of numbers (0: none) and their best partners.

    >>> pairs = matched(np.array([[1, 1, 0, 2]]), np.array([[0, 7, 7, 7]]), Geometry.picture((1, 4)))
    >>> pairs.truth.best.tolist(), pairs.answer.best.tolist(), pairs.found(0.5)
    ([0, 0], [0], 1)
    """
    maps = [_without_gaps(numbers) for numbers in (truth, answer)]
    sizes = [np.bincount(one.reshape(-1), minlength=1)[1:] for one in maps]
    n, m = (len(s) for s in sizes)
    pairs, counts = np.unique(maps[0].reshape(-1) * (m + 1) + maps[1].reshape(-1), return_counts=True)
    first, second = pairs // (m + 1) - 1, pairs % (m + 1) - 1
    both = (first >= 0) & (second >= 0)
    there = _best(first[both], second[both], counts[both], n)
    back = _best(second[both], first[both], counts[both], m)
    sides = [
        Side(map=one, sizes=size, boxes=[b for b in find_objects(one) if b is not None], best=best, shared=shared)
        for one, size, (best, shared) in zip(maps, sizes, (there, back), strict=True)
    ]
    return Matched(truth=sides[0], answer=sides[1], grid=grid)


def hausdorff(one: Side, n: int, other: Side, m: int, grid: Geometry) -> float:
    """The largest distance from a sample of one object to the nearest sample of the other, both ways, in world units."""
    return max(_reach(a, i, b, j, grid) for a, i, b, j in ((one, n, other, m), (other, m, one, n)))


def _reach(one: Side, n: int, other: Side, m: int, grid: Geometry) -> float:
    beyond = one.points(n, grid, but=other, other=m)
    if not len(beyond):
        return 0.0
    return float(KDTree(other.points(m, grid)).query(beyond)[0].max())


def _best(of: Counts, with_: Counts, shared: Counts, n: int) -> tuple[Counts, Counts]:
    best, most = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for one, other, count in zip(of, with_, shared, strict=True):
        if count > most[one]:
            best[one], most[one] = other, count
    return best, most


def _without_gaps(numbers: Numbers) -> NDArray[np.int64]:
    present, compact = np.unique(numbers, return_inverse=True)
    shift = 0 if present.size and present[0] == 0 else 1
    return compact.reshape(numbers.shape).astype(np.int64) + shift


def _apart(one: tuple[slice, ...], other: tuple[slice, ...], grid: Geometry) -> float:
    """A distance that the Hausdorff distance of what fills two boxes cannot be below."""
    gaps = [max(abs(a.start - b.start), abs(a.stop - b.stop)) for a, b in zip(one, other, strict=True)]
    # A gap along one index axis is at least this long in the world, also on a slanted grid.
    reach: Iterator[float] = (gap / float(np.linalg.norm(row)) for gap, row in zip(gaps, np.linalg.inv(grid.affine[:-1, :-1]), strict=True))
    return max(reach)
