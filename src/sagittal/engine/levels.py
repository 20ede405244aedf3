"""Scores of drawn answers at other levels than the case: of a slide's tiles together, of a patient, of all pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.score import Score
from sagittal.engine.case_scores import EVERYTHING, NOTHING, TRIVIAL, Measured
from sagittal.io.writers.csv import as_text
from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted, together
from sagittal.metrics._intervals import Floats
from sagittal.metrics._summary import summarise
from sagittal.metrics._sums import Summed
from sagittal.ops.randomness import generator

RULES = {
    "case": "the windows of a case together, then the mean over cases",
    "patient": "a patient's cases as if they were one, then the mean over patients",
    "pixel": "all cases as if they were one; the interval is over patients",
}
"""What one row of a level is."""

Change = Callable[[Counted], Counted]
_AS_IT_IS: Mapping[str, Change] = {"": lambda found: found, NOTHING: Counted.nothing, EVERYTHING: Counted.everything}


class Row(Protocol):
    """What is needed of an answered case or window."""

    @property
    def case(self) -> Case:
        """To which it belongs."""
        ...

    @property
    def counted(self) -> Mapping[str, NDArray[np.uint32]]:
        """The counted samples of each class."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """The scores at one level.

    Args:
        level: ``case``, ``patient`` or ``pixel``.
        n: How many cases, patients or (of pixels) cases there are.
        scores: With intervals over patients.
        trivial: The same of answers that do not look, by name.
        members: Of each case or patient how many rows it has and its own scores; empty for pixels.
    """

    level: str
    n: int
    scores: Sequence[Score]
    trivial: Mapping[str, Sequence[Score]]
    members: Mapping[str, tuple[int, Measured]]

    def record(self) -> dict[str, Any]:
        """The entry of ``scores.json``."""
        beside = [{"name": name, "why": TRIVIAL[name], "scores": [s.record() for s in found]} for name, found in self.trivial.items()]
        told = {"level": self.level, "rule": RULES[self.level], "n": self.n}
        return {**told, "scores": [s.record() for s in self.scores], "baselines": beside}


def levels_of(metrics: Sequence[CaseMetric], rows: Sequence[Row], *, windowed: bool, seed: int) -> list[Level]:
    """The levels above the row: cases where rows are windows, patients where some have several cases, and pixels.

    Only metrics of counted samples have them: a distance of two patients' surfaces means nothing.

    Args:
        metrics: Of the rows.
        rows: All of them.
        windowed: Rows are windows.
        seed: Of the resampling.
    """
    counted = [m for m in metrics if m.counted is not None]
    if not counted or not rows:
        return []
    by_case, by_patient = _together(rows, lambda c: c.id), _together(rows, lambda c: c.owner)
    found = [_of_members("case", counted, by_case, seed)] if windowed else []
    if any(r.case.group for r in rows) and len(by_patient) < len(by_case):
        found.append(_of_members("patient", counted, by_patient, seed))
    return [*found, _of_pixels(counted, rows, seed)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Member:
    name: str
    owner: str
    rows: int
    counted: Mapping[str, Counted]


def _together(rows: Sequence[Row], key: Callable[[Case], str]) -> list[_Member]:
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(key(row.case), []).append(row)
    return [_member(name, each) for name, each in members.items()]


def _member(name: str, rows: Sequence[Row]) -> _Member:
    counted = {c: together(r.counted[c] for r in rows) for c in rows[0].counted}
    return _Member(name=name, owner=rows[0].case.owner, rows=len(rows), counted=counted)


def _of_members(level: str, metrics: Sequence[CaseMetric], members: Sequence[_Member], seed: int) -> Level:
    """The mean over cases or patients of scores of their own samples."""
    owners = [m.owner for m in members]
    made: dict[str, list[Measured]] = {
        name: [{m.name: {c: m.of_counted(change(n)) for c, n in one.counted.items()} for m in metrics} for one in members]
        for name, change in _AS_IT_IS.items()
    }
    scores = {
        name: [s for m in metrics for s in summarise(m, [v[m.name] for v in values], owners, generator(seed, len(values)), each=level)]
        for name, values in made.items()
    }
    rows = {one.name: (one.rows, values) for one, values in zip(members, made[""], strict=True)}
    return Level(level=level, n=len(members), scores=scores.pop(""), trivial=scores, members=rows)


def _of_pixels(metrics: Sequence[CaseMetric], rows: Sequence[Row], seed: int) -> Level:
    owners = np.unique([r.case.owner for r in rows], return_inverse=True)[1].reshape(-1)
    scores = {name: [s for m in metrics for s in _pixel_scores(m, rows, owners, change, seed)] for name, change in _AS_IT_IS.items()}
    return Level(level="pixel", n=len(rows), scores=scores.pop(""), trivial=scores, members={})


def _pixel_scores(metric: CaseMetric, rows: Sequence[Row], owners: NDArray[np.intp], change: Change, seed: int) -> list[Score]:
    score = Summed(
        metric=metric.name,
        of=lambda totals: _value(metric, change(Counted.of(totals))),
        why="no sample of the class in the truth" if metric.needs_truth else metric.why,
        higher_is_better=metric.higher_is_better,
        convention=f"{metric.convention}; all samples together",
    )
    return [score.score(name, np.stack([_row(metric, r, name) for r in rows]), owners, seed=seed) for name in rows[0].counted]


def _row(metric: CaseMetric, row: Row, name: str) -> Floats:
    """What is added up: the spread of probabilities only where the metric is made of it."""
    found = Counted.of(row.counted[name].astype(np.float64))
    return found.row if metric.needs_scores else replace(found, spread=None).row


def _value(metric: CaseMetric, found: Counted) -> Floats:
    value = np.full(np.shape(found.truth), np.nan) if metric.counted is None else metric.counted(found)
    return np.where(found.truth > 0, value, np.nan) if metric.needs_truth else value


def levels_csv(levels: Sequence[Level]) -> str:
    """A line a case or patient: ``level, name, rows, metric:class ...``; empty where there is no such level."""
    lines = [(level.level, name, n, measured) for level in levels for name, (n, measured) in level.members.items()]
    if not lines:
        return ""
    heads = [f"{metric}:{c}" for metric, values in lines[0][3].items() for c in values]
    rows = ([level, name, n, *(measured[h.split(":")[0]][h.split(":", 1)[1]] for h in heads)] for level, name, n, measured in lines)
    return as_text([["level", "name", "rows", *heads], *rows])
