"""Answered cases with what is kept of them: one in memory at a time, and of a large slide only bands of rows."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import Annotation
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.prediction import Prediction
from sagittal.core.window import Window
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.case_scores import Beside, Found, Measured, case_metrics, masks_of, measure, needs_scores
from sagittal.engine.drawing import Store, on_disk
from sagittal.engine.infer import Predictor
from sagittal.engine.plan import Plan
from sagittal.engine.sizes import Sizes, sizes_of
from sagittal.engine.streaming import Job, by_rows, may_stream, stream
from sagittal.metrics._bands import Bands, conventions_of
from sagittal.metrics._case import CaseMetric, Kind, units_of

AddRows = Callable[[NDArray[Any]], object]
"""Takes the next rows of an answer, class indices."""


class Keep(Protocol):
    """Gets each answer in full."""

    def whole(self, case: Case, prediction: Prediction) -> None:
        """An answer that is in memory."""
        ...

    def rows(self, case: Case, grid: Geometry) -> AbstractContextManager[AddRows]:
        """One that comes from its first row to its last; it is kept when the context ends."""
        ...


def _nothing() -> NDArray[np.float32]:
    return np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One answered case or window.

    Args:
        case: To which it belongs.
        id: Its name.
        truth: Empty where only scores of the case are kept.
        answer: As the truth.
        scores: ``(K,)``; empty for drawn answers.
        raw: Before calibration.
        abstained: The model should not decide here.
        found: The scores of the case, those of answers that do not look, and its counted samples.
        units: Of ratios, lengths and volumes in the world of the case.
        sizes: How much of each class is drawn in truth and answer.
        place: The grid of a window; None for a whole case.
        tidied: The answer is as the model tidies it; a slide that is too large for that stays as it is.
    """

    case: Case
    id: str
    truth: NDArray[Any] = field(default_factory=_nothing)
    answer: NDArray[Any] = field(default_factory=_nothing)
    scores: NDArray[np.float32] = field(default_factory=_nothing)
    raw: NDArray[np.float32] | None = None
    abstained: bool = False
    found: Found = field(default_factory=Found)
    units: Mapping[Kind, str] = field(default_factory=dict)
    sizes: Sizes = field(default_factory=Sizes)
    place: Geometry | None = None
    tidied: bool = True

    @property
    def measured(self) -> Measured:
        """The scores of the case, by metric."""
        return self.found.measured

    @property
    def counted(self) -> Mapping[str, NDArray[np.uint32]]:
        """The counted samples of each drawn class."""
        return self.found.counted


def answered(predictor: Predictor, manifest: Manifest, cases: Sequence[Case], *, keep: Keep | None = None) -> Iterator[Row]:
    """The answers to cases in their order, scored, one case in memory at a time."""
    windowed = predictor.plan.unit == "window"
    task = predictor.task
    metrics = case_metrics(task, predictor.plan.metrics) if task.per_case else []
    store = on_disk if needs_scores(metrics) else None
    for banded, some in itertools.groupby(cases, key=lambda case: _in_bands(predictor, metrics, manifest, case)):
        if banded:
            for case in some:
                yield _streamed(predictor, manifest, case, metrics, keep=keep)
            continue
        for one in beside_truth(predictor, manifest, list(some), store=store):
            if keep is not None:
                keep.whole(one.case, one.prediction)
            row = _row(predictor.plan, metrics, one)
            yield replace(row, place=one.prediction.geometry) if windowed else row


def _in_bands(predictor: Predictor, metrics: Sequence[CaseMetric], manifest: Manifest, case: Case) -> bool:
    """Whether a case is scored while it is answered: a slide, where no metric, and nothing that tidies it, looks at all of it at once."""
    if not metrics or any(m.needs_whole for m in metrics) or not may_stream(predictor):
        return False
    return by_rows(predictor, image_of(case, manifest))


def _streamed(predictor: Predictor, manifest: Manifest, case: Case, metrics: Sequence[CaseMetric], *, keep: Keep | None) -> Row:
    """A slide answered in bands of rows, each compared with the truth there and forgotten."""
    image = image_of(case, manifest)
    said = manifest.annotation(case, like=image.geometry)
    compared = _Compared(predictor=predictor, said=said, metrics=metrics, case=case, keep=keep)
    with compared:
        stream(predictor, case.id, image, compared)
    bands = compared.bands
    bands.end()
    return Row(
        case=case,
        id=case.id,
        found=measure(metrics, bands),
        units=units_of(bands.grid),
        sizes=sizes_of(metrics, bands),
        tidied=not predictor.tidies,
    )


class _Compared:
    """Takes the rows of an answer, compares them with what was said there, and hands them to who keeps them."""

    def __init__(self, *, predictor: Predictor, said: Annotation, metrics: Sequence[CaseMetric], case: Case, keep: Keep | None) -> None:
        self._predictor, self._said, self._metrics, self._case, self._keep = predictor, said, metrics, case, keep
        self._open = contextlib.ExitStack()
        self._kept: AddRows | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.__exit__(kind, error, trace)

    def begin(self, job: Job) -> int:
        """Nothing is kept of earlier."""
        labels, metrics = self._predictor.plan.labels, self._metrics
        self.bands = Bands(grid=job.grid, labels=labels, conventions=conventions_of(metrics), ranked=needs_scores(metrics))
        if self._keep is not None:
            self._kept = self._open.enter_context(self._keep.rows(self._case, job.grid))
        return 0

    def tile(self, window: Window, means: NDArray[np.float32]) -> None:
        """Tiles are not scored."""

    def rows(self, start: int, answer: NDArray[Any], scores: NDArray[np.float32]) -> None:
        """The next rows."""
        place = self.bands.grid.at(Window((start, 0), answer.shape))
        self.bands.add(self._predictor.task.truth(self._said, place), answer, scores)
        if self._kept is not None:
            self._kept(answer)


def beside_truth(predictor: Predictor, manifest: Manifest, cases: Sequence[Case], *, store: Store | None = None) -> Iterator[Beside]:
    """Each case or window with its truth and the answer to it, in their order, one case in memory at a time.

    Args:
        predictor: The model.
        manifest: Of the cases.
        cases: Which.
        store: Keeps the probabilities of drawn answers; without it they are forgotten.
    """
    by_id = {case.id: case for case in cases}
    wholes: dict[str, Geometry] = {}

    def items() -> Iterator[tuple[str, Image]]:
        for case in cases:
            image = image_of(case, manifest)
            wholes[case.id] = image.geometry
            yield case.id, image

    windowed = predictor.plan.unit == "window"
    said: tuple[str, Annotation] | None = None
    for prediction in predictor.answer_windows(items()) if windowed else predictor.answer(items(), store=store):
        name = prediction.case.rpartition("@")[0] if windowed else prediction.case
        if said is None or said[0] != name:
            # What was drawn lies on the whole picture, also where a window of it is answered.
            said = name, manifest.annotation(by_id[name], like=wholes.pop(name))
        task, place = predictor.task, prediction.geometry
        objects = None if task.objects is None else task.objects(said[1], place)
        yield Beside(case=by_id[name], truth=task.truth(said[1], place), objects=objects, prediction=prediction)


def _row(plan: Plan, metrics: Sequence[CaseMetric], one: Beside) -> Row:
    case, truth, prediction = one.case, one.truth, one.prediction
    light = bool(plan.row.per_case)
    none = _nothing()
    masks = masks_of(metrics, one) if metrics else None
    return Row(
        case=case,
        id=prediction.case,
        truth=none if light else truth,
        answer=none if light else prediction.answer,
        scores=none if light or prediction.scores.ndim > 1 else prediction.scores,
        raw=prediction.raw,
        abstained=prediction.abstained,
        found=measure(metrics, masks) if masks is not None else Found(),
        units=units_of(prediction.geometry),
        sizes=sizes_of(metrics, masks) if masks is not None else Sizes(),
    )
