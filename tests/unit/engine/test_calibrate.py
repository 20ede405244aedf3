"""Calibration and operating points: what they promise, and what they do when validation cannot tell."""

import json

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logit, softmax
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from sagittal.core import Labels
from sagittal.engine.calibrate import Calibration, OperatingPoint, fit_calibration, fit_operating_point

THREE = Labels(classes=("a", "b", "c"))
YES = Labels(classes=("no", "yes"), positive="yes")


def overconfident(n=1500, k=3, heat=2.5, seed=0):
    """Scores whose logits were multiplied by ``heat`` after the truth had been drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 1.5
    truth = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return softmax(heat * logits, axis=1), truth


def two(n, seed=0, shift=3.0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    p = expit(rng.normal(size=n) + shift * truth - shift / 2)
    return np.stack([1 - p, p], axis=1), truth


def test_the_temperature_is_found_and_helps_new_cases():
    found = fit_calibration(*overconfident(), THREE)
    assert found.kind == "temperature" and found.temperature == pytest.approx(2.5, rel=0.1)
    assert found.after["ece"] < 0.5 * found.before["ece"] and found.after["log_loss"] < found.before["log_loss"]
    scores, truth = overconfident(seed=1)
    loss = lambda p: -np.log(p[np.arange(len(p)), truth]).mean()  # noqa: E731
    assert loss(found.apply(scores)) < loss(scores)


def test_the_temperature_is_the_best_of_a_fine_grid():
    scores, truth = overconfident(200)
    found = fit_calibration(scores, truth, THREE)
    grid = np.geomspace(0.2, 10, 4000)
    losses = [-log_softmax(np.log(scores) / t, axis=1)[np.arange(200), truth].mean() for t in grid]
    assert found.temperature == pytest.approx(grid[np.argmin(losses)], rel=2e-3)


def test_a_temperature_never_changes_the_answer():
    scores, truth = overconfident()
    after = fit_calibration(scores, truth, THREE).apply(scores)
    assert (after.argmax(axis=1) == scores.argmax(axis=1)).all()
    assert after.sum(axis=1) == pytest.approx(1) and np.isfinite(after).all()


def test_single_precision_scores_of_zero_and_one_stay_finite():
    found = Calibration(kind="temperature", classes=("a", "b"), slope=(0.5, 0.5), shift=(0.0, 0.0))
    assert np.isfinite(found.apply(np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32))).all()
    several = Calibration(kind="platt", classes=("a", "b"), slope=(0.5, 2.0), shift=(0.1, 0.0))
    assert np.isfinite(several.apply(np.array([[1.0, 0.0]], dtype=np.float32))).all()


@pytest.mark.parametrize("n", [0, 1, 19])
def test_a_tiny_validation_leaves_the_scores_alone_and_says_so(n):
    scores, truth = overconfident(n)
    found = fit_calibration(scores, truth, THREE)
    assert found.kind == "identity" and f"validation has {n} known cases" in found.reasons[""]
    assert (found.apply(scores) == scores).all()


def test_a_perfect_validation_does_not_make_the_model_surer():
    scores = np.repeat([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], 30, axis=0)
    found = fit_calibration(scores, np.repeat([0, 1], 30), THREE)
    assert found.kind == "identity" and "answered right" in found.reasons[""]


def test_scores_that_say_nothing_are_left_alone():
    rng = np.random.default_rng(0)
    scores = softmax(rng.normal(size=(400, 3)) * 4, axis=1)
    found = fit_calibration(scores, scores.argmin(axis=1), THREE)
    assert found.kind == "identity" and "next to nothing" in found.reasons[""]


def test_cases_of_which_nothing_is_known_are_left_out():
    scores, truth = overconfident(300)
    more = fit_calibration(np.concatenate([scores, scores]), np.concatenate([truth, np.full(300, -1)]), THREE)
    assert more == fit_calibration(scores, truth, THREE) and more.n == 300


def several(n=800, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3)) * 1.5
    truth = rng.random((n, 3)) < expit(logits)
    truth[:, 2] = False
    truth[:3, 2] = True
    return expit(logits * [2.0, 0.5, 1] + [1.0, -1.0, 0]), truth


def test_platt_a_class_agrees_with_logistic_regression():
    scores, truth = several()
    found = fit_calibration(scores, truth, THREE)
    assert found.kind == "platt" and found.slope[2] == 1.0 and "3 cases with and 797 without" in found.reasons["c"]
    for k in (0, 1):
        oracle = LogisticRegression(C=np.inf).fit(logit(scores[:, [k]]), truth[:, k])
        assert found.slope[k] == pytest.approx(oracle.coef_[0, 0], rel=0.02)
        assert found.shift[k] == pytest.approx(oracle.intercept_[0], abs=0.02)
    assert (found.apply(scores)[:, 2] == scores[:, 2]).all()
    assert found.after["log_loss"] < found.before["log_loss"]


def test_a_class_the_wrong_way_round_is_not_turned():
    scores, truth = several()
    found = fit_calibration(scores, ~truth, THREE)
    assert found.kind == "identity" and "wrong way round" in found.reasons["a"]


@pytest.mark.parametrize("case", ["temperature", "platt", "identity"])
def test_a_calibration_survives_its_file(case):
    data = {"temperature": overconfident(), "platt": several(), "identity": overconfident(3)}[case]
    found = fit_calibration(*data, THREE)
    again = Calibration.from_record(json.loads(json.dumps(found.record(), allow_nan=False)))
    assert found.kind == case and (again.apply(data[0]) == found.apply(data[0])).all()


@pytest.mark.parametrize(
    "change",
    [
        {"slope": [1.0]},
        {"slope": [-1.0, 1, 1]},
        {"shift": [float("nan"), 0, 0]},
        {"kind": "magic"},
        {"slope": None},
        {"slope": [1.0, 2, 3]},
    ],
)
def test_a_bad_calibration_record_is_refused(change):
    record = fit_calibration(*overconfident(), THREE).record()
    with pytest.raises(ValueError):
        Calibration.from_record(record | change)
    record.pop("n")
    with pytest.raises(ValueError, match="not the record"):
        Calibration.from_record(record)


def test_a_calibration_for_other_classes_is_refused():
    with pytest.raises(ValueError, match="3 classes"):
        fit_calibration(*overconfident(), THREE).apply(np.ones((2, 2)))


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("rule", ["sensitivity", "specificity"])
def test_the_stated_sensitivity_or_specificity_is_kept_on_new_cases(rule, wanted):
    reached = []
    for seed in range(150):
        point = fit_operating_point(*two(80, seed=seed), YES, rule=rule, wanted=wanted, error=None)
        assert getattr(point.thresholds[0], rule) >= wanted
        edge = logit(point.threshold)  # what an endless new set would give: the logits of two() are normal
        reached.append(norm.sf(edge - 1.5) if rule == "sensitivity" else norm.cdf(edge + 1.5))
    assert wanted - 0.005 <= np.mean(reached) <= wanted + 0.03


def test_too_few_cases_for_the_promise_are_named():
    point = fit_operating_point(*two(20), YES, wanted=0.95, error=None)
    assert "too few to promise 0.95" in point.note and point.thresholds[0].sensitivity == 1.0


@pytest.mark.parametrize("n", [0, 3])
def test_no_threshold_from_a_handful_of_cases(n):
    point = fit_operating_point(*two(n), YES)
    assert point.threshold is None and "needed for a threshold" in point.note and "no abstain band" in point.note
    scores = np.array([[0.4, 0.6], [0.6, 0.4]])
    assert point.decide(scores).tolist() == [1, 0] and not point.abstains(scores).any()


def test_one_class_in_validation_gives_no_threshold():
    scores, _ = two(50)
    assert fit_operating_point(scores, np.ones(50, int), YES).threshold is None


def test_youden_is_the_best_of_all_thresholds():
    scores, truth = two(101, shift=1.5)
    point = fit_operating_point(scores, truth, YES, rule="youden", error=None)
    sums = [(scores[truth == 1, 1] >= t).mean() + (scores[truth == 0, 1] < t).mean() for t in scores[:, 1]]
    assert point.thresholds[0].sensitivity + point.thresholds[0].specificity == pytest.approx(max(sums))
    assert point.wanted is None


def test_classes_without_a_positive_one_go_by_the_highest_probability():
    scores, truth = overconfident(100)
    point = fit_operating_point(scores, truth, THREE)
    assert point.threshold is None and "no positive class" in point.note
    assert (point.decide(scores) == scores.argmax(axis=1)).all()


def test_among_three_classes_the_positive_one_goes_first():
    labels = Labels(classes=("a", "b", "c"), positive="b")
    point = fit_operating_point(*overconfident(600, heat=1.0), labels, wanted=0.9, error=None)
    scores = np.array([[0.5, point.threshold + 1e-6, 0.2], [0.5, point.threshold - 1e-6, 0.6]])
    assert point.decide(scores).tolist() == [1, 2]
    assert point.sureness(scores).min() >= 0 and point.sureness(scores).max() < 0.1


def test_several_labels_have_a_threshold_each():
    scores, truth = several()
    point = fit_operating_point(scores, truth, THREE, wanted=0.9)
    assert [t.label for t in point.thresholds] == ["a", "b"] and "c: validation has 3 cases with" in point.note
    said = point.decide(scores)
    assert said.shape == (800, 3) and said.dtype == bool
    assert said[truth[:, 0], 0].mean() >= 0.9 and (said[:, 2] == (scores[:, 2] >= 0.5)).all()
    assert point.positive is None and not point.abstains(scores).any()


@pytest.mark.parametrize("labels", [YES, Labels(classes=("no", "yes"))])
def test_the_band_holds_the_error_on_new_cases(labels):
    new_scores, new_truth = two(20_000, seed=999, shift=2.0)
    errors, shares = [], []
    for seed in range(100):
        point = fit_operating_point(*two(300, seed=seed, shift=2.0), labels, error=0.05)
        answered = ~point.abstains(new_scores)
        shares.append(answered.mean())
        if answered.any():
            errors.append((point.decide(new_scores) != new_truth)[answered].mean())
    plain = fit_operating_point(*two(300, shift=2.0), labels, error=None)
    assert (plain.decide(new_scores) != new_truth).mean() > 0.12
    assert np.mean(errors) <= 0.055
    assert np.mean(shares) > 0.2


def test_no_band_is_needed_where_there_are_few_errors():
    point = fit_operating_point(*two(500, shift=8.0), Labels(classes=("no", "yes")), error=0.05)
    assert point.least_sure == 0.0 and point.abstained == 0.0


def test_no_band_where_validation_cannot_show_the_error():
    point = fit_operating_point(*two(15), YES, error=0.05)
    assert point.least_sure is None and "15 validation cases do not show" in point.note


def test_the_threshold_is_the_same_in_single_and_double_precision():
    scores, truth = two(60)
    single = scores.astype(np.float32)
    point = fit_operating_point(single, truth, YES)
    assert (point.decide(single) == point.decide(single.astype(np.float64))).all()
    assert (point.abstains(single) == point.abstains(single.astype(np.float64))).all()


@pytest.mark.parametrize("data", [two(100), two(3)])
def test_an_operating_point_survives_its_file(data):
    point = fit_operating_point(*data, YES)
    assert OperatingPoint.from_record(json.loads(json.dumps(point.record(), allow_nan=False))) == point


@pytest.mark.parametrize(
    "change", [{"least_sure": 2.0}, {"thresholds": [{"label": "maybe", "value": 0.5}]}, {"strange": 1}, {"thresholds": 3}]
)
def test_a_bad_operating_point_record_is_refused(change):
    with pytest.raises(ValueError):
        OperatingPoint.from_record(fit_operating_point(*two(100), YES).record() | change)
