"""One case's truth beside its answer: counted and measured once, for all metrics that ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Labels
from sagittal.core.annotation import IGNORE
from sagittal.metrics._counted import Counted
from sagittal.metrics._objects import Matched, matched
from sagittal.metrics._surfaces import Convention, Surfaces, surfaces
from sagittal.ops.components import components
from sagittal.ops.confusion import boxes, confusion
from sagittal.ops.ranked import spread

Mask = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """How many samples of a class are in both label maps, in the truth, and in the answer."""

    both: int
    truth: int
    answer: int


class Compared(Protocol):
    """Truth and answer of a case, as metrics ask for them."""

    @property
    def labels(self) -> Labels:
        """The classes."""
        ...

    @property
    def grid(self) -> Geometry:
        """Where the samples lie."""
        ...

    @property
    def foreground(self) -> list[int]:
        """Every class but the background."""
        ...

    def overlap(self, k: int) -> Overlap:
        """The samples of a class, where the truth is known."""
        ...

    def counted(self, k: int) -> Counted:
        """The samples of a class, and how its probability is spread over them; where the truth is known."""
        ...

    def surfaces(self, k: int, convention: Convention) -> Surfaces:
        """The distances between the surfaces of a class that both hold."""
        ...

    def pair(self, k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The class in truth and answer; it must be in one of them."""
        ...

    def matched(self, k: int) -> Matched:
        """The objects of a class in truth and answer, and what they share."""
        ...

    def empty(self) -> Compared:
        """The same truth beside an answer that draws nothing."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Masks:
    """Truth and answer of a case on the source's own grid.

    Samples of which the truth says nothing (``IGNORE``) count as outside of every class in both.

    Args:
        truth: Class indices, ``grid.shape``.
        answer: The same.
        grid: Where the samples lie.
        labels: The classes.
        objects: The numbers of the objects in truth and answer, 0 where there is none; without them the pieces of a class
            that hang together are its objects.
        scores: ``(K, *shape)`` probabilities of the classes; None where they were not kept.

    Raises:
        ValueError: The shapes differ, or (when something is asked) a number is not a class index.

    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> masks = Masks(truth=np.array([[0, 1, 1, -1]]), answer=np.array([[0, 1, 0, 1]]), grid=Geometry.picture((1, 4)), labels=labels)
    >>> masks.overlap(1)
    Overlap(both=1, truth=2, answer=1)
    """

    truth: Mask = field(repr=False)
    answer: Mask = field(repr=False)
    grid: Geometry
    labels: Labels
    objects: tuple[Mask, Mask] | None = field(repr=False, default=None)
    scores: NDArray[np.float32] | None = field(repr=False, default=None)
    _measured: dict[tuple[int, Convention], Surfaces] = field(init=False, repr=False, default_factory=dict)
    _matched: dict[int, Matched] = field(init=False, repr=False, default_factory=dict)
    _counted: dict[int, Counted] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.truth.shape != self.answer.shape or self.truth.shape != self.grid.shape:
            raise ValueError(f"truth {self.truth.shape}, answer {self.answer.shape} and grid {self.grid.shape} differ")

    @property
    def foreground(self) -> list[int]:
        """Every class but the background."""
        return foreground_of(self.labels)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """``(K + 1, K)``: samples by class in the truth (the last row: not known) and in the answer."""
        return confusion(self.truth, self.answer, len(self.labels))

    def overlap(self, k: int) -> Overlap:
        """The samples of a class, where the truth is known."""
        return overlap_of(self.counts, k)

    def counted(self, k: int) -> Counted:
        """The samples of a class, and how its probability is spread over them; where the truth is known."""
        if k not in self._counted:
            self._counted[k] = counted_of(self.counts, k, None if self.scores is None else spread(self.scores[k], self.truth, k))
        return self._counted[k]

    def pair(self, k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The class in truth and answer, in the part of the grid in which either holds it; it must be in one of them."""
        found = [box for box in (each[k] for each in self._boxes) if box is not None]
        box = tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*found, strict=True))
        truth, answer = self.truth[box], self.answer[box] == k
        if self.counts[-1].any():
            answer &= truth != IGNORE
        return truth == k, answer

    def surfaces(self, k: int, convention: Convention) -> Surfaces:
        """The distances between the surfaces of a class that both hold."""
        if (k, convention) not in self._measured:
            self._measured[k, convention] = surfaces(*self.pair(k), self.grid, convention)
        return self._measured[k, convention]

    def matched(self, k: int) -> Matched:
        """The objects of a class in truth and answer, and what they share; where the truth is known."""
        if k not in self._matched:
            truth, answer = self.truth == k, (self.answer == k) & (self.truth != IGNORE)
            if self.objects is None:
                numbers = components(truth)[0], components(answer)[0]
            else:
                numbers = np.where(truth, self.objects[0], 0), np.where(answer, self.objects[1], 0)
            self._matched[k] = matched(*numbers, self.grid)
        return self._matched[k]

    @cached_property
    def _boxes(self) -> tuple[list[tuple[slice, ...] | None], list[tuple[slice, ...] | None]]:
        return boxes(self.truth, len(self.labels)), boxes(self.answer, len(self.labels))

    def empty(self) -> Masks:
        """The same truth beside an answer that draws nothing."""
        ground = 0 if self.labels.background is None else self.labels.index(self.labels.background)
        objects = None if self.objects is None else (self.objects[0], np.zeros_like(self.objects[1]))
        nothing = np.full(self.truth.shape, ground, dtype=self.truth.dtype)
        return Masks(truth=self.truth, answer=nothing, grid=self.grid, labels=self.labels, objects=objects)


def foreground_of(labels: Labels) -> list[int]:
    """Every class but the background."""
    return [k for k, name in enumerate(labels.classes) if name != labels.background]


def overlap_of(counts: NDArray[np.int64], k: int) -> Overlap:
    """The samples of a class in a table of counts, see :attr:`Masks.counts`."""
    known = counts[:-1]
    return Overlap(both=int(known[k, k]), truth=int(known[k].sum()), answer=int(known[:, k].sum()))


def counted_of(counts: NDArray[np.int64], k: int, ranked: NDArray[np.int64] | None) -> Counted:
    """The same with all samples that are known, and how the probability of the class is spread over them."""
    o = overlap_of(counts, k)
    found = np.array([o.both, o.truth, o.answer, counts[:-1].sum()], dtype=np.float64)
    return Counted.of(found if ranked is None else np.concatenate([found, ranked.ravel()]))
