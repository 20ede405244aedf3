"""What a model is worth on some cases: answers beside the truth, and the scores of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sagittal.core.case import Case
from sagittal.core.score import Score
from sagittal.data.manifest import Manifest
from sagittal.engine.case_scores import METRICS, TRIVIAL, case_metrics, of_all
from sagittal.engine.infer import Predictor
from sagittal.engine.levels import Level, levels_csv, levels_of
from sagittal.engine.predictions import predictions_csv
from sagittal.engine.predictions import words as words
from sagittal.engine.rows import Keep, Row, answered
from sagittal.engine.shares import kept_reference
from sagittal.engine.sizes import pieces_csv
from sagittal.io import atomic
from sagittal.metrics._answers import Answers, Reference
from sagittal.metrics._baselines import baselines
from sagittal.metrics._curves import curves
from sagittal.metrics._patients import by_patient
from sagittal.tasks._task import Task

FORMAT, VERSION = "sagittal-scores", 1

LEAST_SUBGROUP = 10
"""Subgroups smaller than this are counted, not scored: their intervals would say nothing."""

MOST_VALUES = 8
"""A metadata column with more different values than this does not make subgroups."""


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
        levels: Scores of drawn answers at other levels than the row.
    """

    task: Task
    rows: Sequence[Row]
    answers: Answers | None
    scores: Sequence[Score]
    rest: Mapping[str, Any]
    curves: Mapping[str, Any]
    levels: Sequence[Level] = ()

    def score(self, metric: str, label: str | None = None) -> Score | None:
        """The score of a metric: of a class, or of all together (then the first one where there is none)."""
        found = [s for s in self.scores if s.metric == metric and label in {None, s.label}]
        return next((s for s in found if not s.label), found[0] if found else None)

    def write(self, folder: Path) -> None:
        """Write ``scores.json``, ``predictions.csv``, ``curves.json``; ``pieces.csv`` and ``levels.csv`` where there are any."""
        folder.mkdir(parents=True, exist_ok=True)
        record = {"format": FORMAT, "version": VERSION, **self.rest, "scores": [s.record() for s in self.scores]}
        atomic.write_json(folder / "scores.json", record)
        atomic.write_text(folder / "predictions.csv", predictions_csv(self))
        atomic.write_json(folder / "curves.json", dict(self.curves))
        for name, text in (("pieces.csv", pieces_csv({r.id: r.sizes for r in self.rows})), ("levels.csv", levels_csv(self.levels))):
            if text:
                atomic.write_text(folder / name, text)


def assess(predictor: Predictor, manifest: Manifest, cases: Sequence[Case], *, keep: Keep | None = None) -> Assessment:
    """Answer cases and score the answers, beside those of baselines that know what the plan keeps of the training cases.

    Args:
        predictor: Calibrated, with its operating point, where it has them.
        manifest: Of the cases; its labels are matched to the model's by name before this.
        cases: Which.
        keep: Gets each answer in full.
    """
    rows = list(answered(predictor, manifest, cases, keep=keep))
    return of_rows(predictor, manifest, rows, reference=kept_reference(predictor.plan))


def of_rows(predictor: Predictor, manifest: Manifest, rows: Sequence[Row], *, reference: Reference | None) -> Assessment:
    """The scores of answers that are already there.

    Args:
        predictor: The model.
        manifest: Of the cases.
        rows: The answers.
        reference: What the training cases say, for the trivial baselines.
    """
    task, plan = predictor.task, predictor.plan
    answers = _answers(predictor, rows, reference=reference) if task.metrics else None
    scores: list[Score] = []
    levels: Sequence[Level] = ()
    rest: dict[str, Any] = {"unit": plan.unit, "n": len(rows), "positive": plan.labels.positive, "task": task.name}
    if answers is not None:
        scores += [s for name in task.metrics for s in METRICS.get(name)(answers)]
        rest |= _beside(answers, task, patients=any(r.case.group for r in rows))
        rest["subgroups"] = _subgroups(answers, rows, task)
        if predictor.calibration is not None:
            rest["calibration"] = predictor.calibration.record()
        if predictor.operating is not None and task.calibrated:
            decided = replace(answers, answer=predictor.operating.decide(answers.scores))
            rest["operating_point"] = {**predictor.operating.record(), "scores": _records(task, decided)}
    if predictor.postprocessing is not None:
        untidied = [r.id for r in rows if not r.tidied]
        rest["postprocessing"] = predictor.postprocessing.record() | ({"not_tidied": untidied} if untidied else {})
    if task.per_case:
        owners, units = [r.case.owner for r in rows], [r.units for r in rows]
        metrics = case_metrics(task, plan.metrics)
        scored = partial(of_all, owners=owners, units=units, seed=plan.seed)
        scores += scored(metrics, [r.measured for r in rows])
        rest["volume_unit"] = "mixed units" if len({u["volume"] for u in units}) > 1 else units[0]["volume"] if units else ""
        rest["baselines"] = []
        for name, why in TRIVIAL.items():
            beside = [r.found.trivial[name] for r in rows]
            had = [m for m in metrics if all(m.name in each for each in beside)]
            rest["baselines"].append({"name": name, "why": why, "scores": [s.record() for s in scored(had, beside)]})
        levels = levels_of(metrics, rows, windowed=plan.unit == "window", seed=plan.seed)
        rest["levels"] = [level.record() for level in levels]
    made = _curves(answers, rows)
    return Assessment(task=task, rows=rows, answers=answers, scores=scores, rest=rest, curves=made, levels=levels)


def _curves(answers: Answers | None, rows: Sequence[Row]) -> Mapping[str, Any]:
    if answers is None or answers.kind not in {"class", "classes"}:
        return {}
    raw = [r.raw for r in rows if r.raw is not None]
    return curves(answers, before=np.stack(raw).astype(np.float64) if raw and len(raw) == len(rows) else None)


def _answers(predictor: Predictor, rows: Sequence[Row], *, reference: Reference | None) -> Answers:
    """The rows as one table; boxes stay lists. Windows belong to their case where no patient is known."""
    labels = predictor.plan.labels
    windowed = predictor.plan.unit == "window"
    stacked = all(r.scores.size for r in rows)
    return Answers(
        labels=labels,
        cases=np.array([r.id for r in rows]),
        groups=np.array([r.case.owner if windowed else r.case.group for r in rows]),
        truth=np.stack([r.truth for r in rows]) if stacked else tuple(r.truth for r in rows),
        answer=np.stack([r.answer for r in rows]) if stacked else tuple(r.answer for r in rows),
        scores=np.stack([r.scores for r in rows]).astype(np.float64) if stacked else np.zeros((len(rows), 0)),
        reference=reference,
        unit=predictor.plan.unit,
        seed=predictor.plan.seed,
    )


def _beside(answers: Answers, task: Task, *, patients: bool) -> dict[str, Any]:
    """Confusion, baselines and, where patients are known, scores a patient."""
    beside: dict[str, Any] = {}
    if answers.kind == "class":
        k = len(answers.labels)
        known = answers.known()
        counts = np.zeros((k, k), dtype=int)
        np.add.at(counts, (known.table, known.said), 1)
        beside["confusion"] = {"classes": list(answers.labels.classes), "counts": counts.tolist()}
    if answers.kind == "boxes" or answers.reference is not None:
        beside["baselines"] = [{"name": b.name, "why": b.sentence, "scores": _records(task, b.answers)} for b in baselines(answers)]
    if patients and answers.kind != "boxes" and len(set(answers.groups[answers.groups != ""])) not in {0, len(answers.cases)}:
        each = by_patient(answers)
        beside["patient_scores"] = _records(task, each)
        beside["patient_rule"] = each.rule
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


def rejoin(assessment: Assessment, **rest: object) -> Assessment:
    """The assessment with more to write into ``scores.json``."""
    return replace(assessment, rest={**assessment.rest, **rest})
