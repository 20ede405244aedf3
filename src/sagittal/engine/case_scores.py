"""The scores of drawn answers: which ones, of each case, and of all cases together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.prediction import Prediction
from sagittal.core.score import Score
from sagittal.errors import UsageError, nearest
from sagittal.metrics._case import CaseMetric, Kind, makes_case_metric
from sagittal.metrics._masks import Compared, Masks
from sagittal.metrics._summary import summarise
from sagittal.ops.randomness import generator
from sagittal.shelf import Shelf
from sagittal.tasks._task import Task

METRICS = Shelf("sagittal.metrics", kind="metric")

Values = dict[str, float | str]
"""A value for each class, or why there is none."""

Measured = Mapping[str, Values]
"""The values of one case by metric."""


def case_metrics(task: Task, chosen: Mapping[str, Any]) -> list[CaseMetric]:
    """The metrics of a case: those of the task, and those that a user chose.

    Args:
        task: Its own come first, in its order.
        chosen: A metric's options, true for its defaults, false to leave it out; by name.

    Raises:
        UsageError: There is no such metric or option, or the metric is not one of drawn answers.

    >>> from sagittal.tasks.segmentation import segmentation
    >>> [m.name for m in case_metrics(segmentation, {"nsd": False, "lesion_f1": {"overlap": 0.1}})][-2:]
    ['voxel_precision', 'lesion_f1']
    """
    if not task.per_case and chosen:
        name = next(iter(chosen))
        raise UsageError("SETTING", f"evaluate.metrics.{name}", f"{task.name} has no metrics to choose", "leave evaluate.metrics out")
    wanted: dict[str, Any] = {**dict.fromkeys(task.per_case, True), **chosen}
    made = []
    for name, options in wanted.items():
        if not makes_case_metric(METRICS.get(name)):
            fitting = [n for n in METRICS.names() if makes_case_metric(METRICS.get(n))]
            raise UsageError("SETTING", f"evaluate.metrics.{name}", "is not a metric of drawn answers", nearest(name, fitting))
        if not isinstance(options, bool | Mapping):
            raise UsageError("SETTING", f"evaluate.metrics.{name}", f"{options!r} are no options", "give options, true or false")
        if options is not False:
            made.append(METRICS.make(name, {} if options is True else options))
    return made


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Beside:
    """A case or window with its truth, the numbers of the objects in it where the answer numbers objects, and the answer."""

    case: Case
    truth: NDArray[Any]
    objects: NDArray[np.int32] | None
    prediction: Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The scores of a drawn answer and what stands beside them.

    Args:
        measured: By metric.
        trivial: The same of answers that do not look, by their names (:data:`TRIVIAL`); what draws everything is only counted.
        counted: The counted samples of each class (:attr:`sagittal.metrics._counted.Counted.row`), which may be added.
    """

    measured: Measured = field(default_factory=dict)
    trivial: Mapping[str, Measured] = field(default_factory=dict)
    counted: Mapping[str, NDArray[np.uint32]] = field(default_factory=dict, repr=False)


NOTHING, EVERYTHING = "nothing drawn", "everything drawn"

TRIVIAL = {NOTHING: "no case has anything", EVERYTHING: "all of every case is the class, each class in its turn"}
"""Answers that look at no case, and what they say."""


def masks_of(metrics: Sequence[CaseMetric], one: Beside) -> Masks:
    """A drawn answer beside its truth, for the metrics; with probabilities where one needs them."""
    truth, objects, prediction = one.truth, one.objects, one.prediction
    labels = prediction.labels
    numbers = None if objects is None or prediction.objects is None else (objects, prediction.objects)
    scores = prediction.scores if needs_scores(metrics) and prediction.scores.shape == (len(labels), *truth.shape) else None
    answer = np.asarray(prediction.answer)
    return Masks(truth=truth, answer=answer, grid=prediction.geometry, labels=labels, objects=numbers, scores=scores)


def measure(metrics: Sequence[CaseMetric], drawn: Compared) -> Found:
    """The scores of a drawn answer, and those of answers that draw nothing or everything."""
    labels, empty = drawn.labels, drawn.empty()
    counted = {labels.classes[k]: drawn.counted(k) for k in drawn.foreground}
    whole = [m for m in metrics if m.counted is not None]
    nowhere: dict[str, Values] = {m.name: m.of(empty) for m in metrics if m.counted is None}
    nowhere |= {m.name: {c: m.of_counted(found.nothing()) for c, found in counted.items()} for m in whole}
    everywhere: Measured = {m.name: {c: m.of_counted(found.everything()) for c, found in counted.items()} for m in whole}
    return Found(
        measured={m.name: m.of(drawn) for m in metrics},
        trivial={NOTHING: {m.name: nowhere[m.name] for m in metrics}, EVERYTHING: everywhere},
        counted={c: found.row.astype(np.uint32) for c, found in counted.items()},
    )


def needs_scores(metrics: Sequence[CaseMetric]) -> bool:
    """Whether the probabilities of samples have to be kept until a case is measured."""
    return any(m.needs_scores for m in metrics)


def of_all(
    metrics: Sequence[CaseMetric],
    measured: Sequence[Measured],
    *,
    owners: Sequence[str],
    units: Sequence[Mapping[Kind, str]],
    seed: int,
) -> list[Score]:
    """The scores over all cases, with intervals over patients.

    Args:
        metrics: Which.
        measured: A case each.
        owners: Whose it is.
        units: Of its grid.
        seed: Of the resampling.
    """
    same = {kind: found.pop() if len(found := {u[kind] for u in units}) == 1 else "mixed units" for kind in units[0]} if units else {}
    scores: list[Score] = []
    for metric in metrics:
        scores += summarise(metric, [m[metric.name] for m in measured], owners, generator(seed, len(measured)), units=same)
    return scores
