"""What a model is worth on some cases: answers beside the truth, and the scores of both."""

from __future__ import annotations

import csv
import io as text_io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.prediction import Prediction
from sagittal.core.score import Score
from sagittal.data.dataset import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.infer import Predictor
from sagittal.io import atomic
from sagittal.metrics._answers import Answers, Reference
from sagittal.metrics._baselines import baselines
from sagittal.metrics._case import CaseMetric
from sagittal.metrics._curves import curves
from sagittal.metrics._patients import by_patient
from sagittal.metrics._summary import summarise
from sagittal.ops.randomness import generator
from sagittal.shelf import Shelf
from sagittal.tasks._task import Task

METRICS = Shelf("sagittal.metrics", kind="metric")

FORMAT, VERSION = "sagittal-scores", 1

LEAST_SUBGROUP = 10
"""Subgroups smaller than this are counted, not scored: their intervals would say nothing."""

MOST_VALUES = 8
"""A metadata column with more different values than this does not make subgroups."""

CaseValues = dict[str, float | str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One answered case or window."""

    case: Case
    id: str
    truth: NDArray[Any]
    answer: NDArray[Any]
    scores: NDArray[np.float32]
    raw: NDArray[np.float32] | None
    abstained: bool
    measured: Mapping[str, CaseValues] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """Answers to some cases with all that is made from them.

    Args:
        task: The row.
        rows: A case or window each.
        answers: For the metrics over all cases; None where the task only has scores a case.
        scores: With intervals.
        rest: What else goes into ``scores.json``.
        curves: For ``curves.json``.
    """

    task: Task
    rows: Sequence[Row]
    answers: Answers | None
    scores: Sequence[Score]
    rest: Mapping[str, Any]
    curves: Mapping[str, Any]

    def score(self, metric: str, label: str | None = None) -> Score | None:
        """The score of a metric: of a class, or of all together (then the first one where there is none)."""
        found = [s for s in self.scores if s.metric == metric and label in {None, s.label}]
        return next((s for s in found if not s.label), found[0] if found else None)

    def write(self, folder: Path) -> None:
        """Write ``scores.json``, ``predictions.csv`` and ``curves.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        record = {"format": FORMAT, "version": VERSION, **self.rest, "scores": [s.record() for s in self.scores]}
        atomic.write_json(folder / "scores.json", record)
        atomic.write_text(folder / "predictions.csv", predictions_csv(self))
        atomic.write_json(folder / "curves.json", dict(self.curves))


def assess(predictor: Predictor, manifest: Manifest, cases: Sequence[Case], *, reference: Reference | None = None) -> Assessment:
    """Answer cases and score the answers.

    Args:
        predictor: Calibrated, with its operating point, where it has them.
        manifest: Of the cases; its labels are matched to the model's by name before this.
        cases: Which.
        reference: What the training cases say, for the trivial baselines.
    """
    rows = list(answered(predictor, manifest, cases))
    return of_rows(predictor, manifest, rows, reference=reference)


def of_rows(predictor: Predictor, manifest: Manifest, rows: Sequence[Row], *, reference: Reference | None) -> Assessment:
    """The scores of answers that are already there."""
    task, plan = predictor.task, predictor.plan
    answers = _answers(predictor, rows, reference=reference) if task.metrics else None
    scores: list[Score] = []
    rest: dict[str, Any] = {"unit": plan.unit, "n": len(rows), "positive": plan.labels.positive, "task": task.name}
    if answers is not None:
        scores += [s for name in task.metrics for s in METRICS.get(name)(answers)]
        rest |= _beside(answers, task)
        rest["subgroups"] = _subgroups(answers, rows, task)
        if predictor.calibration is not None:
            rest["calibration"] = predictor.calibration.record()
        if predictor.operating is not None and task.calibrated:
            decided = replace(answers, answer=predictor.operating.decide(answers.scores))
            rest["operating_point"] = {**predictor.operating.record(), "scores": _records(task, decided)}
    scores += _case_scores(task, rows, seed=plan.seed)
    return Assessment(task=task, rows=rows, answers=answers, scores=scores, rest=rest, curves=_curves(answers, rows))


def _curves(answers: Answers | None, rows: Sequence[Row]) -> Mapping[str, Any]:
    if answers is None or answers.kind not in {"class", "classes"}:
        return {}
    raw = [r.raw for r in rows if r.raw is not None]
    return curves(answers, before=np.stack(raw).astype(np.float64) if raw and len(raw) == len(rows) else None)


def answered(predictor: Predictor, manifest: Manifest, cases: Sequence[Case]) -> Iterator[Row]:
    """The answers to cases in their order, each beside its truth, one case in memory at a time."""
    by_id = {case.id: case for case in cases}
    items = ((case.id, image_of(case, manifest)) for case in cases)
    windowed = predictor.plan.unit == "window"
    for prediction in predictor.answer_windows(items) if windowed else predictor.answer(items):
        name = prediction.case.rpartition("@")[0] if windowed else prediction.case
        yield _row(predictor.task, manifest, by_id[name], prediction)


def _row(task: Task, manifest: Manifest, case: Case, prediction: Prediction) -> Row:
    truth = task.truth(manifest.annotation(case, like=prediction.geometry), prediction.geometry)
    measured = {}
    for name in task.per_case:
        metric: CaseMetric = METRICS.get(name)
        measured[name] = dict(metric.measure(truth, np.asarray(prediction.answer, dtype=np.int64), prediction.geometry, prediction.labels))
    light = bool(task.per_case)
    none = np.zeros(0, dtype=np.float32)
    return Row(
        case=case,
        id=prediction.case,
        truth=none if light else truth,
        answer=none if light else prediction.answer,
        scores=none if light or prediction.scores.ndim > 1 else prediction.scores,
        raw=prediction.raw,
        abstained=prediction.abstained,
        measured=measured,
    )


def _answers(predictor: Predictor, rows: Sequence[Row], *, reference: Reference | None) -> Answers:
    """The rows as one table; boxes stay lists."""
    labels = predictor.plan.labels
    stacked = all(r.scores.size for r in rows)
    return Answers(
        labels=labels,
        cases=np.array([r.id for r in rows]),
        groups=np.array([r.case.group for r in rows]),
        truth=np.stack([r.truth for r in rows]) if stacked else tuple(r.truth for r in rows),
        answer=np.stack([r.answer for r in rows]) if stacked else tuple(r.answer for r in rows),
        scores=np.stack([r.scores for r in rows]).astype(np.float64) if stacked else np.zeros((len(rows), 0)),
        reference=reference,
        unit=predictor.plan.unit,
        seed=predictor.plan.seed,
    )


def _beside(answers: Answers, task: Task) -> dict[str, Any]:
    """Confusion, baselines and scores a patient."""
    beside: dict[str, Any] = {}
    if answers.kind == "class":
        k = len(answers.labels)
        known = answers.known()
        counts = np.zeros((k, k), dtype=int)
        np.add.at(counts, (known.table, known.said), 1)
        beside["confusion"] = {"classes": list(answers.labels.classes), "counts": counts.tolist()}
    if answers.kind != "boxes" and answers.reference is not None:
        beside["baselines"] = [{"name": b.name, "why": b.sentence, "scores": _records(task, b.answers)} for b in baselines(answers)]
    if answers.kind != "boxes" and len(set(answers.groups[answers.groups != ""])) not in {0, len(answers.cases)}:
        patients = by_patient(answers)
        beside["patient_scores"] = _records(task, patients)
        beside["patient_rule"] = patients.rule
    return beside


def _records(task: Task, answers: Answers) -> list[dict[str, object]]:
    return [s.record() for name in task.metrics for s in METRICS.get(name)(answers)]


def _subgroups(answers: Answers, rows: Sequence[Row], task: Task) -> list[dict[str, Any]]:
    """The scores of every value of every metadata column that has few of them."""
    if answers.kind == "boxes":
        return []
    found = []
    for column in sorted({k for r in rows for k in r.case.meta}):
        values = np.array([r.case.meta.get(column, "") for r in rows])
        names = sorted(set(values) - {""})
        if not 2 <= len(names) <= MOST_VALUES:
            continue
        for name in names:
            index = np.flatnonzero(values == name)
            part = answers.take(index)
            scores = _records(task, part) if len(index) >= LEAST_SUBGROUP else []
            found.append({"column": column, "value": str(name), "n": len(index), "scores": scores})
    return found


def _case_scores(task: Task, rows: Sequence[Row], *, seed: int) -> list[Score]:
    owners = [r.case.owner for r in rows]
    scores: list[Score] = []
    for name in task.per_case:
        metric: CaseMetric = METRICS.get(name)
        scores += summarise(metric, [r.measured[name] for r in rows], owners, generator(seed, len(rows)))
    return scores


def reference_of(task: Task, manifest: Manifest, cases: Sequence[Case]) -> Reference | None:
    """What training cases say, where the task has a table of truths."""
    if not task.metrics or manifest.said not in {"label", "labels", "value"}:
        return None
    truth = np.stack([task.truth(manifest.annotation(case), Geometry.none()) for case in cases])
    return Reference.of(truth, classes=len(manifest.labels))


def predictions_csv(assessment: Assessment) -> str:
    """A line a case: ``case, group, split, truth, predicted, p:<class> ..., abstained``, or its scores a case."""
    rows, task = assessment.rows, assessment.task
    out = text_io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    answers = assessment.answers
    if answers is None or answers.kind == "boxes":
        names = [f"{m}:{c}" for m in task.per_case for c in (rows[0].measured[m] if rows else ())]
        writer.writerow(["case", "group", "split", *names])
        for r in rows:
            writer.writerow([r.id, r.case.group, r.case.split, *(r.measured[n.split(":")[0]][n.split(":", 1)[1]] for n in names)])
        return out.getvalue()
    classes = answers.labels.classes
    prefix = "p:" if task.calibrated else "value:"
    writer.writerow(["case", "group", "split", "truth", "predicted", *(prefix + c for c in classes), "abstained"])
    for r in rows:
        said = [words(r.truth, classes), words(r.answer, classes)]
        writer.writerow([r.id, r.case.group, r.case.split, *said, *(f"{s:.6f}" for s in r.scores), "yes" if r.abstained else ""])
    return out.getvalue()


def words(said: NDArray[Any], classes: Sequence[str]) -> str:
    """A truth or an answer as a person writes it: a class, classes parted by ``;``, or numbers.

    >>> words(np.array(1), ("CNV", "DME")), words(np.array([True, False]), ("CNV", "DME"))
    ('DME', 'CNV')
    """
    if said.dtype == np.bool_:
        return ";".join(c for c, present in zip(classes, said, strict=True) if present)
    if said.ndim == 0:
        return "" if int(said) == IGNORE else classes[int(said)]
    return ";".join(f"{v:.6g}" for v in said)


def rejoin(assessment: Assessment, **rest: object) -> Assessment:
    """The assessment with more to write into ``scores.json``."""
    return replace(assessment, rest={**assessment.rest, **rest})
