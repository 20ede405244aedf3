"""The answer to a slide, written while it is computed: rows of it are finished as soon as no tile can change them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.data.ready import Ready
from sagittal.engine.infer import Predictor
from sagittal.engine.sight import answer_grid
from sagittal.errors import NumericFailure, UsageError, said_of
from sagittal.ops.ring import Lattice, Ring

Floats = NDArray[np.float32]


BAND = 256
"""Rows that are finished at once: what is made of them is several times as large as their scores."""

MOST_TIDIED = 1 << 27
"""Samples of a label map that is tidied, which is done in memory; larger ones of slides stay as they are, and it is said."""


def may_stream(predictor: Predictor) -> bool:
    """Whether slides, which have two axes, are answered while the answer is written: where every sample gets a class."""
    plan, task = predictor.plan, predictor.task
    return plan.preparation.axes == 2 and predictor.dense and task.in_slabs and task.regrid and plan.unit == "case"


def streams(predictor: Predictor, image: Image) -> bool:
    """Whether a source is answered while the answer is written: a slide of which every sample gets a class."""
    return image.tiled and may_stream(predictor)


def by_rows(predictor: Predictor, image: Image) -> bool:
    """Whether the streamed rows of a slide are its answer: nothing tells objects apart or tidies the whole map behind them."""
    return streams(predictor, image) and predictor.task.apart is None and not (predictor.tidies and fits(grid_of(predictor, image)))


def fits(grid: Geometry) -> bool:
    """Whether the label map of a slide is small enough to be tidied."""
    return math.prod(grid.shape) <= MOST_TIDIED


def grid_of(predictor: Predictor, image: Image) -> Geometry:
    """On which the answer to a source lies."""
    return answer_grid(image.geometry, predictor.plan.preparation.ready(image))


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What is about to be answered: whoever keeps the rows of an earlier attempt compares it with theirs.

    Args:
        grid: On which the answer lies.
        windows: How many there are, their size, and how many of them lie on tissue.
        classes: Scores of a sample.
    """

    grid: Geometry
    windows: tuple[int, tuple[int, ...], int]
    classes: int

    def record(self) -> dict[str, Any]:
        """A JSON-ready description."""
        count, size, seen = self.windows
        return {"grid": self.grid.record(), "windows": count, "size": list(size), "on_tissue": seen, "classes": self.classes}


class Sink(Protocol):
    """Keeps what is finished."""

    def begin(self, job: Job) -> int:
        """How many rows of this job are kept already."""
        ...

    def tile(self, window: Window, means: Floats) -> None:
        """The mean scores ``(K,)`` of a tile on tissue; one may come again after a restart."""
        ...

    def rows(self, start: int, answer: NDArray[Any], scores: Floats) -> None:
        """The next rows: the answer, or marks, ``(rows, columns)``, and scores ``(K, rows, columns)``, which may be overwritten later."""
        ...


class Thinned:
    """A sink that keeps few samples of an answer, evenly spread, for pictures of it."""

    def __init__(self, *, most: int) -> None:
        """Keep at most so many along each axis."""
        self._most = most
        self._rows: list[NDArray[Any]] = []

    def begin(self, job: Job) -> int:
        """Nothing is kept of earlier."""
        self._step = -(-max(job.grid.shape) // self._most)
        self._rows = []
        return 0

    def tile(self, window: Window, means: Floats) -> None:
        """Tiles are not shown."""

    def rows(self, start: int, answer: NDArray[Any], scores: Floats) -> None:
        """The next rows, of which every so-manieth is kept."""
        self._rows.append(answer[-start % self._step :: self._step, :: self._step].copy())

    @property
    def answer(self) -> NDArray[Any]:
        """What was kept, ``(rows, columns)``."""
        return np.concatenate(self._rows)


def stream(predictor: Predictor, name: str, image: Image, sink: Sink) -> Job:
    """Answer a slide tile by tile, top to bottom, in bounded memory.

    Tiles off tissue are background without being looked at. Where the sink has the first rows already, only the tiles that
    still matter are computed; the result is the same to the byte.

    Args:
        predictor: Of a task that finishes, or marks, each sample by itself.
        name: Of the case.
        image: The slide.
        sink: Takes what is finished.

    Raises:
        UsageError: The task looks at more than one sample to finish its answer.
        NumericFailure: The network gave a number that is none.
    """
    with said_of(name):
        ready = predictor.plan.preparation.ready(image)
    choice = predictor.budget.choose(ready.grid)
    windows = sorted(choice.windows, key=lambda w: w.start)
    lattice = Lattice.of(windows, ready.grid.shape, blend=predictor.blend)
    if not predictor.task.in_slabs or lattice is None:
        what = f"{predictor.task.name} with these windows cannot be written while it is computed"
        raise UsageError("STREAM", name, what, "cut the slide into tiles first")
    on_tissue = predictor.on_tissue(ready, windows)
    seen = frozenset(windows) if on_tissue is None else on_tissue
    grid = answer_grid(image.geometry, ready)
    classes = len(predictor.nothing((1, 1)))
    job = Job(grid=grid, windows=(len(windows), windows[0].size, len(seen)), classes=classes)
    done = sink.begin(job)
    slabs = _Slabs(predictor=predictor, sink=sink, ring=Ring(lattice), grid=grid, done=done)
    needed = [w if w.stop[0] > done and w in seen else None for w in windows]
    answers = _answers(predictor, ready, [w for w in needed if w is not None], choice.batch, name)
    for window, wanted in zip(windows, needed, strict=True):
        if wanted is None:
            slabs.add(predictor.nothing(window.size))
            continue
        scores = next(answers)
        inside = window.inside(ready.grid.shape)
        part = scores[(slice(None), *(slice(a - b, a - b + n) for a, b, n in zip(inside.start, window.start, inside.size, strict=True)))]
        sink.tile(window, part.reshape(classes, -1).mean(axis=1))
        slabs.add(scores)
    return job


def _answers(predictor: Predictor, ready: Ready, windows: Sequence[Window], batch: int, name: str) -> Iterator[Floats]:
    """The scores ``(K, *size)`` of windows, computed some at a time."""
    for start in range(0, len(windows), batch):
        group = windows[start : start + batch]
        values = np.stack([predictor.see(ready, window) for window in group])
        scores = predictor.scores(torch.from_numpy(values))
        if not np.isfinite(scores.sum()):
            raise NumericFailure("NAN_SCORE", name, "the network gave NaN or infinity", "look at the input's values, or train again")
        yield from scores


@dataclass(kw_only=True, slots=True)
class _Slabs:
    """Rows that no window will touch again go to the sink."""

    predictor: Predictor
    sink: Sink
    ring: Ring
    grid: Geometry
    done: int
    at: int = 0

    def add(self, scores: Floats) -> None:
        self.ring.add(scores)
        closed = self.ring.closed
        if closed <= self.at:
            return
        last = min(closed, self.grid.shape[0])
        for start in range(max(self.at, self.done), last, BAND):
            stop = min(start + BAND, last)
            rows = self.ring.rows(start, stop)[..., : self.grid.shape[1]]
            place = self.grid.at(Window((start, 0), (stop - start, self.grid.shape[1])))
            self.sink.rows(start, self.predictor.task.drawn(rows, self.predictor.plan.labels, place), rows)
        self.at = closed
        if closed < self.ring.shape[0]:
            self.ring.drop(closed)
