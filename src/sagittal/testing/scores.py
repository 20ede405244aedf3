"""Checks of metrics and of the scores that they give."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sagittal.core import Geometry, Labels, Score
from sagittal.errors import UsageError
from sagittal.metrics._answers import Answers
from sagittal.metrics._case import CaseMetric, makes_case_metric
from sagittal.testing._promise import must, refused


def example_answers() -> list[Answers]:
    """Answers of every kind, ordinary and at the edges: none, one, all of one class, not known, ties."""
    from sagittal.metrics._examples import answers_of, boxes_of, values_of

    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 30)
    table = rng.random((30, 3)) < 0.4
    names = Labels(classes=("x", "y", "z"))
    cases, groups = np.arange(30).astype(str), rng.integers(0, 9, 30).astype(str)
    several = Answers(labels=names, cases=cases, groups=groups, truth=table, scores=p, answer=p > 0.4)
    one, other = [[0, 0, 4, 4, 0]], [[1, 1, 5, 5, 0]]
    two = np.stack([p[:, 0], 1 - p[:, 0]], 1)
    return [
        answers_of(rng.integers(0, 3, 30), p),
        answers_of(rng.integers(0, 3, 30), p, positive="b", groups=rng.integers(0, 9, 30)),
        answers_of(rng.integers(0, 2, 30), two, classes=("no", "yes"), positive="yes"),
        *(answers_of(t, s) for t, s in (([], []), ([0], [[1.0, 0, 0]]), ([-1, -1], p[:2]), ([1] * 4, p[:4]))),
        answers_of(rng.integers(0, 3, 30), np.full((30, 3), 1 / 3)),
        *(several.take(np.arange(n)) for n in (30, 1, 0)),
        values_of(rng.normal(size=30), rng.normal(size=30)),
        *(values_of(t, a) for t, a in (([], []), ([1.0], [1.0]), ([1.0] * 5, [2.0] * 5))),
        boxes_of([one, [], other], [[[0, 0, 4, 4, 0, 0.9]], [[0, 0, 1, 1, 0, 0.8]], []]),
        boxes_of([[], []], [[], []]),
        boxes_of([], []),
    ]


def check_metric(metric: Callable[..., Any]) -> None:
    """Scores with a value or a reason, unique by class, within their intervals, the same at every call.

    Args:
        metric: From the answers to a set of cases to scores, or from options to a metric of one case's mask.

    Raises:
        AssertionError: A promise is broken.
    """
    if makes_case_metric(metric):
        options = inspect.signature(metric).parameters.values()
        must(all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in options), "it can be called with nothing")
        made = metric()
        must(isinstance(made, CaseMetric), "it makes a metric of masks")
        _case_metric(made)
        return
    parameters = list(inspect.signature(metric).parameters.values())
    must(all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[1:]), "it can be called with answers alone")
    fitting = 0
    for answers in example_answers():
        kept = answers.scores.copy()
        try:
            found = list(metric(answers))
        except UsageError as refusal:
            must(refusal.code == "METRIC", "only answers of another kind are refused")
            continue
        fitting += 1
        must(found and len({s.metric for s in found}) == 1, "scores of one name")
        must(len({s.label for s in found}) == len(found), "one score a class")
        must({s.label for s in found} <= {"", *answers.labels.classes}, "scores speak of classes that there are")
        for score in found:
            check_score(score, answers.n)
        must(found == list(metric(answers)), "the same at every call")
        must(np.array_equal(kept, answers.scores), "the answers are not changed")
    must(fitting >= 3, "it fits some kind of answers")


def check_score(score: Score, n: int) -> None:
    """A value inside its interval, or a sentence why there is none.

    Args:
        score: What a metric gave.
        n: How many cases there were.

    Raises:
        AssertionError: A promise is broken.
    """
    json.dumps(score.record(), allow_nan=False)
    must(0 <= score.n <= n or score.metric.startswith("detection"), "n counts cases")
    if score.value is None:
        must(len(str(score.undefined or "").split()) >= 3, "a reason is a sentence")
        must(score.low is None and score.high is None, "what is undefined has no interval")
        return
    must(math.isfinite(score.value) and score.n > 0, "a value is a number, of at least one case")
    must((score.low is None) == (score.high is None) and score.method, "an interval has two ends and a method")
    if score.low is not None and score.high is not None:
        must(score.low <= score.value + 1e-9 and score.value <= score.high + 1e-9, f"{score} lies outside its interval")


def _case_metric(metric: CaseMetric) -> None:
    from sagittal.metrics._summary import summarise

    must(metric.convention and metric.unit in {"1", "length", "volume"}, "it says its convention and unit")
    labels = Labels(classes=("ground", "a", "b"), background="ground")
    rng = np.random.default_rng(0)
    rows = []
    for shape in [(12, 11), (6, 7, 8), (1, 9)]:
        grid = Geometry(shape=shape, affine=np.diag([*([2.0] * len(shape)), 1]), unit="mm")
        truth, answer = rng.integers(-1, 3, shape), rng.integers(0, 3, shape)
        for t, a in [(truth, answer), (truth, truth.clip(0)), (np.zeros_like(truth), answer), (truth, np.zeros_like(answer))]:
            kept = t.copy(), a.copy()
            row = metric.measure(t, a, grid, labels)
            must(np.array_equal(kept[0], t) and np.array_equal(kept[1], a), "the masks are not changed")
            must(list(row) == ["a", "b"], "every class but the background")
            must(all(bool(v) if isinstance(v, str) else math.isfinite(v) for v in row.values()), "a value or a reason")
            rows.append(row)
        with refused("masks on two grids are refused", ValueError):
            metric.measure(truth, answer[:-1] if shape[0] > 1 else answer[:, :-1], grid, labels)
    for score in summarise(metric, rows, [f"p{i % 5}" for i in range(len(rows))], np.random.default_rng(0)):
        check_score(score, len(rows))
