"""Where the objects of a mask lie, as a small index: patches are drawn from it without looking at the mask again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel
from sagittal.ops.components import components
from sagittal.ops.noise import uniform

By = Literal["class", "piece"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Positions:
    """Some samples of every foreground class, by connected piece.

    A draw costs microseconds whatever the size of the mask. It is made of four arrays (:meth:`arrays`), which a worker
    process can be sent and a prepared case can keep.

    Args:
        shape: Of the mask.
        places: Flat indices of samples, piece after piece, ``(n,)``.
        starts: Where each piece's samples begin in ``places``, and the end, ``(pieces + 1,)``.
        classes: The class of each piece, ascending, ``(pieces,)``.
        sizes: How many samples of the mask each piece has, listed or not, ``(pieces,)``.

    >>> found = foreground(np.array([[0, 1, 1], [2, 0, 0]]), rng=np.random.default_rng(0))
    >>> found.of_class(1).tolist(), found.of_class(2).tolist(), found.counts
    ([1, 2], [3], {1: 2, 2: 1})
    """

    shape: tuple[int, ...]
    places: NDArray[np.int64]
    starts: NDArray[np.int64]
    classes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    _by_class: Mapping[int, tuple[int, int, NDArray[np.int64]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranges = {}
        for name in np.unique(self.classes).tolist():
            a, b = (int(n) for n in np.searchsorted(self.classes, [name, name + 1]))
            ranges[name] = a, b, np.cumsum(self.sizes[a:b])
        object.__setattr__(self, "_by_class", ranges)

    @property
    def counts(self) -> dict[int, int]:
        """How many samples of the mask each foreground class has."""
        return {name: int(sums[-1]) for name, (_, _, sums) in self._by_class.items()}

    def of_class(self, name: int) -> NDArray[np.int64]:
        """The samples of a class that are listed, as flat indices."""
        a, b, _ = self._by_class[name]
        return self.places[self.starts[a] : self.starts[b]]

    def draw(self, rng: np.random.Generator, *, by: By = "class") -> tuple[int, ...] | None:
        """The index of a random sample of a random foreground class, each as likely; None where there is no foreground.

        Args:
            rng: Where chance comes from.
            by: ``class``: any sample of the class is as likely; ``piece``: any piece of it, however small.
        """
        if not self._by_class:
            return None
        a, b, sums = list(self._by_class.values())[int(rng.integers(len(self._by_class)))]
        piece = a + (int(rng.integers(b - a)) if by == "piece" else int(np.searchsorted(sums, rng.integers(sums[-1]), side="right")))
        place = self.places[int(rng.integers(self.starts[piece], self.starts[piece + 1]))]
        return tuple(int(i) for i in np.unravel_index(place, self.shape))

    def share(self, start: tuple[int, ...], size: tuple[int, ...]) -> float:
        """The share of a box that foreground fills, estimated from the samples that are listed (exact where all are)."""
        volume = float(np.prod(size))
        if not self.places.size or not volume:
            return 0.0
        at = np.unravel_index(self.places, self.shape)
        inside = np.all([(i >= a) & (i < a + s) for i, a, s in zip(at, start, size, strict=True)], axis=0)
        piece = np.repeat(np.arange(self.sizes.size), np.diff(self.starts))
        return float((self.sizes / np.diff(self.starts))[piece[inside]].sum() / volume)

    def onto(self, shape: tuple[int, ...]) -> Positions:
        """The same places on a finer grid over the same field of view; a sample is in the middle of what it stands for.

        >>> foreground(np.array([[0, 1], [0, 0]]), rng=np.random.default_rng(0)).onto((6, 6)).draw(np.random.default_rng(0))
        (1, 4)
        """
        at = np.stack(np.unravel_index(self.places, self.shape))
        steps = np.array(shape) / np.array(self.shape)
        fine = np.minimum(((at + 0.5) * steps[:, None]).astype(np.int64), np.array(shape)[:, None] - 1)
        places = np.ravel_multi_index(tuple(fine), shape).astype(np.int64)
        sizes = np.maximum(1, np.rint(self.sizes * float(np.prod(steps)))).astype(np.int64)
        return Positions(shape=shape, places=places, starts=self.starts, classes=self.classes, sizes=sizes)

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """What :meth:`from_arrays` takes."""
        shape = np.array(self.shape, dtype=np.int64)
        return {"shape": shape, "places": self.places, "starts": self.starts, "classes": self.classes, "sizes": self.sizes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.int64]]) -> Positions:
        """From what :meth:`arrays` gave, memory-mapped or not."""
        shape = tuple(int(n) for n in arrays["shape"])
        return cls(shape=shape, places=arrays["places"], starts=arrays["starts"], classes=arrays["classes"], sizes=arrays["sizes"])


def foreground(mask: NDArray[Any], *, per_class: int = 10_000, rng: np.random.Generator) -> Positions:
    """An index of a mask, made once a case.

    Args:
        mask: Class indices ``(*shape)``; 0 is background, below 0 is ignored.
        per_class: How many samples of a class are listed at most, spread evenly over the class by chance; every piece
            is listed with one at least, the largest ones first where there are more pieces than this.
        rng: Where chance comes from.

    Returns:
        Empty where there is no foreground.
    """
    empty = np.empty(0, np.int64)
    kept = np.where(mask > 0, mask, 0)
    numbers, n = components(kept) if mask.ndim else (np.zeros((), np.uint32), 0)
    if n == 0:
        return Positions(shape=mask.shape, places=empty, starts=np.zeros(1, np.int64), classes=empty, sizes=empty)
    sizes, classes = np.zeros(n, np.int64), np.zeros(n, np.int64)
    _count(numbers.reshape(-1), kept.reshape(-1), sizes, classes)
    order = np.lexsort((-sizes, classes))
    wanted = np.zeros(n, np.int64)
    for name in np.unique(classes).tolist():
        mine = order[classes[order] == name]
        wanted[mine[:per_class]] = _shares(sizes[mine[:per_class]], per_class)
    places = np.empty(int(wanted.sum()), np.int64)
    order = order[wanted[order] > 0]
    starts = np.concatenate([[0], np.cumsum(wanted[order])])
    begin = np.zeros(n, np.int64)
    begin[order] = starts[:-1]
    _pick(numbers.reshape(-1), sizes, wanted, begin, np.uint64(rng.integers(2**63)), places)
    return Positions(shape=mask.shape, places=places, starts=starts, classes=classes[order], sizes=sizes[order])


def _shares(sizes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """How many samples of each piece are listed: all of them, or in proportion and one at least."""
    if sizes.sum() <= most:
        return sizes
    shares: NDArray[np.int64] = np.minimum(sizes, np.maximum(1, (sizes * (most / sizes.sum())).astype(np.int64)))
    return shares


@kernel
def _count(numbers: Any, mask: Any, sizes: Any, classes: Any) -> None:
    for i in range(numbers.size):
        if numbers[i] > 0:
            sizes[numbers[i] - 1] += 1
            classes[numbers[i] - 1] = mask[i]


@kernel
def _pick(numbers: Any, sizes: Any, wanted: Any, begin: Any, key: Any, places: Any) -> None:
    """Each piece, in the order of memory, is cut into as many stretches as are wanted, and of each one sample is taken by chance.

    Not every so-many-th one: its period could be that of the rows.
    """
    seen, taken = np.zeros(sizes.size, np.int64), np.zeros(sizes.size, np.int64)
    for i in range(numbers.size):
        piece = np.int64(numbers[i]) - 1
        if piece < 0 or taken[piece] == wanted[piece]:
            continue
        chance = uniform(key + np.uint64(begin[piece] + taken[piece]))
        if seen[piece] >= int((taken[piece] + chance) * sizes[piece] / wanted[piece]):
            places[begin[piece] + taken[piece]] = i
            taken[piece] += 1
        seen[piece] += 1
