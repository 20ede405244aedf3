"""Scores of measured values against scikit-learn, and at the edges."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from sagittal.core import Labels
from sagittal.errors import NumericFailure, UsageError
from sagittal.metrics._answers import Answers
from sagittal.metrics._examples import two_classes, values_of
from sagittal.shelf import Shelf

NAMES = ["mae", "rmse", "r2", "bias", "limits_of_agreement"]


def score(name, answers):
    found = Shelf("sagittal.metrics", kind="metric").get(name)(answers)
    assert len(found) == 1
    return found[0]


def test_against_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.normal(1000, 3, 200)
    said = truth + rng.normal(0.5, 1, 200)
    a = values_of(truth, said)
    assert score("mae", a).value == pytest.approx(oracle.mean_absolute_error(truth, said))
    assert score("rmse", a).value == pytest.approx(oracle.root_mean_squared_error(truth, said))
    assert score("r2", a).value == pytest.approx(oracle.r2_score(truth, said))
    assert score("bias", a).value == pytest.approx((said - truth).mean())
    assert score("limits_of_agreement", a).value == pytest.approx(1.96 * (said - truth).std(ddof=1))
    for name in NAMES:
        s = score(name, a)
        assert s.low < s.value < s.high and s.n == 200 and s.label == "size"
        assert s.unit == ("1" if name == "r2" else "mm")


def test_r2_keeps_its_digits_far_from_zero():
    truth = 1e8 + np.arange(10.0)
    assert score("r2", values_of(truth, truth + 1)).value == pytest.approx(oracle.r2_score(truth, truth + 1), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_no_case_and_one_case(name):
    s = score(name, values_of([], []))
    assert s.value is None and s.n == 0 and s.undefined
    s = score(name, values_of([1.0], [3.0]))
    assert s.low is None and s.high is None
    if name in {"r2", "limits_of_agreement"}:
        assert s.value is None and s.n == 1


def test_true_values_that_are_all_the_same_explain_nothing():
    assert score("r2", values_of([0.1] * 7, np.arange(7.0))).undefined == "all true values are the same"


def test_several_values_have_a_score_each():
    table = np.arange(12.0).reshape(6, 2)
    said = table + np.array([1.0, 2.0])
    labels = Labels(classes=("x", "y"), unit="mm")
    a = Answers(labels=labels, cases=np.arange(6), groups=[""] * 6, truth=table, scores=said, answer=said)
    found = Shelf("sagittal.metrics", kind="metric").get("mae")(a)
    assert [(s.label, s.value) for s in found] == [("x", 1.0), ("y", 2.0)]


def test_cases_of_one_patient_are_drawn_together():
    rng = np.random.default_rng(1)
    error = np.repeat(rng.normal(size=12), 30)
    alone = score("mae", values_of(np.zeros(360), error))
    grouped = score("mae", values_of(np.zeros(360), error, groups=np.repeat([f"p{i}" for i in range(12)], 30)))
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low) and grouped.method == "bootstrap over 12 groups"


@pytest.mark.parametrize("name", NAMES)
def test_metrics_of_values_refuse_classes(name):
    with pytest.raises(UsageError, match="kind value"):
        score(name, two_classes(hits=1))


def test_nan_values_are_refused():
    with pytest.raises(NumericFailure, match="case 0"):
        values_of([np.nan], [1.0])
