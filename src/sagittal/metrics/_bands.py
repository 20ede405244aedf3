"""One case's truth beside its answer, rows at a time: what is compared is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Labels
from sagittal.core.annotation import IGNORE
from sagittal.metrics._counted import Counted
from sagittal.metrics._masks import Mask, Overlap, counted_of, foreground_of, overlap_of
from sagittal.metrics._surfaces import Convention, Surfaces, linear_of, marks_of
from sagittal.ops.confusion import confusion
from sagittal.ops.ranked import BINS, spread
from sagittal.ops.surface import Points, between

NO_WHOLE = "pieces and objects are told in whole masks, not in bands of rows"


@dataclass(kw_only=True, eq=False)
class Bands:
    """Truth and answer of a picture that come from its first row to its last; see :class:`sagittal.metrics._masks.Masks`.

    Samples are counted as they come, and of the surfaces of each class only the points are kept.

    Args:
        grid: Of two axes.
        labels: The classes.
        conventions: Where surfaces are put, for the metrics that measure them.
        ranked: Probabilities come, too.

    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> bands = Bands(grid=Geometry.picture((2, 3)), labels=labels)
    >>> bands.add(np.array([[0, 1, 1]]), np.array([[0, 1, 0]]))
    >>> bands.add(np.array([[0, 1, -1]]), np.array([[0, 1, 1]]))
    >>> bands.end()
    >>> bands.overlap(1)
    Overlap(both=2, truth=3, answer=2)
    """

    grid: Geometry
    labels: Labels
    conventions: Collection[Convention] = ()
    ranked: bool = False
    counts: NDArray[np.int64] = field(init=False, repr=False)
    _spread: dict[int, NDArray[np.int64]] = field(init=False, repr=False, default_factory=dict)
    _lines: dict[tuple[int, Convention], tuple[_Line, _Line]] = field(init=False, repr=False, default_factory=dict)
    _measured: dict[tuple[int, Convention], Surfaces] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.grid.axes != 2:
            raise ValueError(f"bands of rows have two axes, the grid has {self.grid.axes}")
        self.counts = np.zeros((len(self.labels) + 1, len(self.labels)), dtype=np.int64)
        width = self.grid.shape[1]
        for k in self.foreground:
            self._spread[k] = np.zeros((2, BINS), dtype=np.int64)
            for convention in self.conventions:
                self._lines[k, convention] = _Line(width, convention), _Line(width, convention)

    @property
    def foreground(self) -> list[int]:
        """Every class but the background."""
        return foreground_of(self.labels)

    def add(self, truth: Mask, answer: Mask, scores: NDArray[np.float32] | None = None) -> None:
        """The next rows: class indices ``(rows, columns)`` both, and probabilities ``(K, rows, columns)``."""
        self.counts += confusion(truth, answer, len(self.labels))
        for k in self.foreground:
            if self.ranked and scores is not None:
                self._spread[k] += spread(scores[k], truth, k)
            for convention in self.conventions:
                for line, mask in zip(self._lines[k, convention], (truth == k, (answer == k) & (truth != IGNORE)), strict=True):
                    line.add(mask)

    def end(self) -> None:
        """All rows were added."""
        beyond = np.zeros((2, self.grid.shape[1]), dtype=np.bool_)
        for line in (line for both in self._lines.values() for line in both):
            line.add(beyond)

    def overlap(self, k: int) -> Overlap:
        """The samples of a class, where the truth is known."""
        return overlap_of(self.counts, k)

    def counted(self, k: int) -> Counted:
        """The samples of a class, and how its probability is spread over them; where the truth is known."""
        return counted_of(self.counts, k, self._spread[k] if self.ranked else None)

    def surfaces(self, k: int, convention: Convention) -> Surfaces:
        """The distances between the surfaces of a class that both hold."""
        if (k, convention) not in self._measured:
            truth, answer = (line.points() for line in self._lines[k, convention])
            linear, weights = linear_of(self.grid, convention)
            self._measured[k, convention] = Surfaces(
                there=between(truth, answer, linear, weights), back=between(answer, truth, linear, weights), convention=convention
            )
        return self._measured[k, convention]

    def pair(self, k: int) -> NoReturn:
        """Never: there are no masks."""
        raise ValueError(NO_WHOLE)

    def matched(self, k: int) -> NoReturn:
        """Never: there are no masks."""
        raise ValueError(NO_WHOLE)

    def empty(self) -> Bands:
        """The same truth beside an answer that draws nothing."""
        nothing = Bands(grid=self.grid, labels=self.labels)
        ground = 0 if self.labels.background is None else self.labels.index(self.labels.background)
        nothing.counts[:, ground] = self.counts.sum(axis=1)
        return nothing


class _Line:
    """The surface of one mask, whose rows come one after the other."""

    def __init__(self, width: int, convention: Convention) -> None:
        """No rows yet; off the picture nothing is inside."""
        self._convention: Convention = convention
        self._held = np.zeros((1, width), dtype=np.bool_)
        self._row = 0
        self._width = width + (convention == "surface-distance")
        self._places: list[NDArray[np.int64]] = []
        self._codes: list[NDArray[np.uint8]] = []

    def add(self, rows: NDArray[np.bool_]) -> None:
        """The next rows of the mask; the last one waits for what follows it."""
        stack = np.concatenate([self._held, rows])
        if len(stack) > 2:
            marks = marks_of(stack[None], self._convention, flat=True)[0][1 : len(stack) - 1].reshape(-1)
            places = np.flatnonzero(marks)
            self._places.append(places + self._row * self._width)
            self._codes.append(marks[places])
            self._row += len(stack) - 2
        self._held = stack[-2:]

    def points(self) -> Points:
        """All of it."""
        places, codes = np.concatenate(self._places), np.concatenate(self._codes)
        self._places, self._codes = [places], [codes]
        return Points(rows=places // self._width, columns=places % self._width, codes=codes)


def conventions_of(metrics: Collection[Any]) -> tuple[Convention, ...]:
    """Where the metrics of a case put surfaces; each once, in their order."""
    return tuple(dict.fromkeys(m.surface for m in metrics if m.surface is not None))
