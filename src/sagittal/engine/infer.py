"""The one way from a source to an answer: evaluation, prediction, explanation and serving all call it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.prediction import Prediction
from sagittal.core.window import Window
from sagittal.engine.calibrate import Calibration, OperatingPoint
from sagittal.engine.plan import Plan
from sagittal.errors import NumericFailure
from sagittal.models._network import Network
from sagittal.ops.stitch import Merger
from sagittal.ops.warp import ReadMap, gather
from sagittal.tasks._task import Task

MOST_ROWS = 4096
"""Rows of a table that are answered at once."""

Item = tuple[str, Image]
"""A case's id and its image."""


@dataclass(kw_only=True, slots=True)
class _Open:
    """A case whose windows are not all answered yet."""

    id: str
    source: Geometry
    grid: Geometry
    merger: Merger
    left: int


@dataclass(kw_only=True, slots=True)
class _Window:
    case: _Open
    window: Window
    values: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A trained model with all that its answers depend on.

    Args:
        plan: What the data decided, preparation included.
        task: The row of the plan's task.
        members: Networks whose scores are averaged; nearly always one.
        calibration: Fitted on validation; None before that.
        operating: Threshold and abstain band; None where there are none.
        device: Where the networks are.
        batch: Windows answered at once.
        provenance: Which model this is.
    """

    plan: Plan
    task: Task
    members: Sequence[Network]
    calibration: Calibration | None = None
    operating: OperatingPoint | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    batch: int = 32
    provenance: dict[str, str] = field(default_factory=dict)

    def answer(self, items: Iterable[Item]) -> Iterator[Prediction]:
        """The answers to cases, in their order, one at a time; a case is read when its turn comes.

        Raises:
            NumericFailure: The network gave a number that is none; the case is named.
        """
        waiting: list[_Open] = []
        for group in _batches(self._windows(items, waiting), self.batch):
            scores = self._scores(torch.from_numpy(np.stack([w.values for w in group])))
            for window, answer in zip(group, scores, strict=True):
                window.case.merger.add(window.window, answer)
                window.case.left -= 1
            while waiting and waiting[0].left == 0:
                yield self._finish(waiting.pop(0))

    def windows(self, image: Image) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """What enters the network for an image: each window with its values ``(C, *size)``."""
        preparation = self.plan.preparation
        grid = preparation.grid(image.geometry)
        source = preparation.source(image, grid=grid)
        stored = preparation.values(source)
        for window in self.plan.windowing.cover(grid):
            yield window, preparation.enter(stored, source.geometry, grid.at(window))

    def scores_of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated scores ``(B, K)`` of what enters the network, ``(B, C)``: rows of a table, many at once."""
        each = range(0, len(values), MOST_ROWS)
        scores = np.concatenate([self._scores(torch.from_numpy(np.ascontiguousarray(values[a : a + MOST_ROWS]))) for a in each])
        return scores if self.calibration is None or not self.task.calibrated else self.calibration.apply(scores).astype(np.float32)

    def answer_windows(self, items: Iterable[Item]) -> Iterator[Prediction]:
        """An answer for every window by itself, named ``case@start``, on the window's own grid."""
        for case, image in items:
            grid = self.plan.preparation.grid(image.geometry)
            pairs = list(self.windows(image))
            scores = np.concatenate(
                [
                    self._scores(torch.from_numpy(np.stack([v for _, v in pairs[a : a + self.batch]])))
                    for a in range(0, len(pairs), self.batch)
                ]
            )
            for (window, _), answer in zip(pairs, scores, strict=True):
                place = grid.at(window)
                merger = self.task.merge(place)
                merger.add(Window.whole(place.shape), answer)
                name = f"{case}@{','.join(map(str, window.start))}"
                yield self._finish(_Open(id=name, source=place, grid=place, merger=merger, left=0))

    def calibrated(self, calibration: Calibration | None, operating: OperatingPoint | None) -> Predictor:
        """The same model with other calibration."""
        return replace(self, calibration=calibration, operating=operating)

    def _windows(self, items: Iterable[Item], waiting: list[_Open]) -> Iterator[_Window]:
        for name, image in items:
            grid = self.plan.preparation.grid(image.geometry)
            case = _Open(id=name, source=image.geometry, grid=grid, merger=self.task.merge(grid), left=len(self.plan.windowing.cover(grid)))
            waiting.append(case)
            for window, values in self.windows(image):
                yield _Window(case=case, window=window, values=values)

    @torch.inference_mode()
    def _scores(self, x: torch.Tensor) -> NDArray[np.float32]:
        """``(B, C, *shape)`` to scores ``(B, K, ...)``: the mean over members and mirrored views."""
        x = x.to(self.device, non_blocking=True)
        total: torch.Tensor | None = None
        flips = self.plan.flips
        views = [axes for n in range(len(flips) + 1) for axes in itertools.combinations(flips, n)]
        for member, axes in itertools.product(self.members, views):
            dims = [a + 2 for a in axes]
            scores = self.task.activate(member(x.flip(dims) if dims else x))
            if dims and scores.ndim > 2:
                scores = scores.flip(dims)
            total = scores if total is None else total + scores
        if total is None:
            raise ValueError("a predictor needs at least one network")
        mean: NDArray[np.float32] = (total / (len(views) * len(self.members))).float().cpu().numpy()
        return mean

    def _finish(self, case: _Open) -> Prediction:
        scores = case.merger.scores()
        if not np.isfinite(scores).all():
            raise NumericFailure("NAN_SCORE", case.id, "the network gave NaN or infinity", "look at the input's values, or train again")
        raw = None
        if self.calibration is not None and self.task.calibrated:
            raw = scores
            scores = self.calibration.apply(scores[None])[0].astype(np.float32)
        where = case.source if self.task.regrid else case.grid
        if scores.ndim > 1 and self.task.regrid and not case.source.same_grid(case.grid):
            back = ReadMap(shape=case.source.shape, affine=case.source.index_map(case.grid))
            scores = gather(scores, back, order="linear")
        return Prediction(
            case=case.id,
            geometry=case.source,
            labels=self.plan.labels,
            scores=scores,
            answer=self.task.finish(scores, self.plan.labels, where),
            raw=raw,
            abstained=self.operating is not None and self.task.calibrated and bool(self.operating.abstains(scores[None])[0]),
            provenance=self.provenance,
        )


def _batches(windows: Iterator[_Window], size: int) -> Iterator[list[_Window]]:
    """Windows of one shape together, in their order."""
    group: list[_Window] = []
    for window in windows:
        if group and (len(group) == size or group[0].values.shape != window.values.shape):
            yield group
            group = []
        group.append(window)
    if group:
        yield group
