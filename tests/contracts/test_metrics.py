"""What every metric on the shelf promises."""

import inspect
import json
import math

import numpy as np
import pytest

from sagittal.core import Geometry, Labels, Score
from sagittal.errors import NumericFailure, UsageError
from sagittal.metrics._answers import Answers
from sagittal.metrics._case import CaseMetric
from sagittal.metrics._examples import answers_of, boxes_of, values_of
from sagittal.metrics._summary import summarise
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.metrics", kind="metric")


def examples():
    """Answers of every kind, ordinary and at the edges."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 30)
    table = rng.random((30, 3)) < 0.4
    several = Answers(
        labels=Labels(classes=("x", "y", "z")), cases=np.arange(30), groups=rng.integers(0, 9, 30), truth=table, scores=p, answer=p > 0.4
    )
    boxes = [[[0, 0, 4, 4, 0]], [], [[1, 1, 5, 5, 0]]]
    return [
        answers_of(rng.integers(0, 3, 30), p),
        answers_of(rng.integers(0, 3, 30), p, positive="b", groups=rng.integers(0, 9, 30)),
        answers_of(rng.integers(0, 2, 30), np.stack([p[:, 0], 1 - p[:, 0]], 1), classes=("no", "yes"), positive="yes"),
        answers_of([], []), answers_of([0], [[1.0, 0, 0]]), answers_of([-1, -1], p[:2]), answers_of([1] * 4, p[:4]),
        answers_of(rng.integers(0, 3, 30), np.full((30, 3), 1 / 3)),
        several, several.take(np.arange(1)), several.take(np.arange(0)),
        values_of(rng.normal(size=30), rng.normal(size=30)), values_of([], []), values_of([1.0], [1.0]), values_of([1.0] * 5, [2.0] * 5),
        boxes_of(boxes, [[[0, 0, 4, 4, 0, 0.9]], [[0, 0, 1, 1, 0, 0.8]], []]), boxes_of([[], []], [[], []]), boxes_of([], []),
    ]  # fmt: skip


def check_metric(name):
    """A metric of a set: scores with a value or a reason, unique by class, within their intervals, the same at every call."""
    metric = SHELF.get(name)
    fitting = 0
    for answers in examples():
        before = [np.array(a, copy=True) for a in (answers.scores, answers.cases)]
        try:
            found = metric(answers)
        except UsageError as refusal:
            assert refusal.code == "METRIC", "only answers of another kind are refused"
            continue
        fitting += 1
        assert found and all(isinstance(s, Score) and s.metric == name for s in found)
        assert len({s.label for s in found}) == len(found), "one score a class"
        assert {s.label for s in found} <= {"", *answers.labels.classes}
        for s in found:
            check_score(s, answers.n)
        assert found == metric(answers), "the same at every call"
        assert all((a == b).all() for a, b in zip(before, (answers.scores, answers.cases), strict=True)), "the answers are not changed"
    assert fitting >= 3, "fits some kind of answers"


def check_score(score, n):
    json.dumps(score.record(), allow_nan=False)
    assert 0 <= score.n <= n or score.metric.startswith("detection")
    if score.value is None:
        assert score.undefined and len(score.undefined.split()) >= 3, "a reason is a sentence"
        assert score.low is None and score.high is None
    else:
        assert math.isfinite(score.value) and score.n > 0
        assert (score.low is None) == (score.high is None) and score.method
        if score.low is not None:
            assert score.low <= score.value + 1e-9 and score.value <= score.high + 1e-9, score


def check_case_metric(name):
    """A metric of masks: a value or a reason for every class but the background, in any number of axes."""
    metric = SHELF.get(name)
    assert metric.name == name and metric.convention and metric.unit in {"1", "length"}
    labels = Labels(classes=("ground", "a", "b"), background="ground")
    rng = np.random.default_rng(0)
    rows = []
    for shape in [(12, 11), (6, 7, 8), (1, 9)]:
        grid = Geometry(shape=shape, affine=np.diag([*([2.0] * len(shape)), 1]), unit="mm")
        truth, answer = rng.integers(-1, 3, shape), rng.integers(0, 3, shape)
        for t, a in [(truth, answer), (truth, truth.clip(0)), (np.zeros_like(truth), answer), (truth, np.zeros_like(answer))]:
            kept = t.copy(), a.copy()
            row = metric.measure(t, a, grid, labels)
            assert (kept[0] == t).all() and (kept[1] == a).all()
            assert list(row) == ["a", "b"]
            assert all((isinstance(v, str) and v) or (isinstance(v, float) and math.isfinite(v)) for v in row.values())
            rows.append(row)
        with pytest.raises(ValueError):
            metric.measure(truth, answer[:-1] if shape[0] > 1 else answer[:, :-1], grid, labels)
    for s in summarise(metric, rows, [f"p{i % 5}" for i in range(len(rows))], np.random.default_rng(0)):
        check_score(s, len(rows))


SET = [name for name in SHELF.names() if not isinstance(SHELF.get(name), CaseMetric)]
CASE = [name for name in SHELF.names() if isinstance(SHELF.get(name), CaseMetric)]


@pytest.mark.parametrize("name", SET)
def test_a_metric_keeps_the_contract(name):
    check_metric(name)


@pytest.mark.parametrize("name", CASE)
def test_a_metric_of_masks_keeps_the_contract(name):
    check_case_metric(name)


@pytest.mark.parametrize("name", SET)
def test_a_metric_can_be_called_with_answers_alone(name):
    parameters = list(inspect.signature(SHELF.get(name)).parameters.values())
    assert all(p.kind == p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[1:])


def test_the_metrics_of_the_issue_are_on_the_shelf():
    wanted = "accuracy top_k balanced_accuracy sensitivity specificity ppv npv f1 mcc kappa auc average_precision brier log_loss ece"
    assert set(wanted.split()) | {"mae", "rmse", "r2", "bias", "detection_ap", "detection_f1"} <= set(SET)
    assert {"dice", "iou", "volume_difference", "surface_distance"} <= set(CASE)


def test_nan_never_reaches_a_metric():
    with pytest.raises(NumericFailure):
        answers_of([0], [[np.nan, 0.5, 0.5]])
