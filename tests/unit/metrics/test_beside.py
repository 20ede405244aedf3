"""What stands beside the scores: baselines, patients, curves, shift."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as oracle

from sagittal.core import Labels
from sagittal.errors import UsageError
from sagittal.metrics._answers import Answers, Reference
from sagittal.metrics._baselines import baselines
from sagittal.metrics._curves import curves, pr, reliability, roc
from sagittal.metrics._examples import answers_of, boxes_of, two_classes, values_of
from sagittal.metrics._patients import by_patient
from sagittal.metrics._shift import measures, share_shift, shifts
from sagittal.shelf import Shelf


def scores(name, answers):
    return {s.label: s for s in Shelf("sagittal.metrics", kind="metric").get(name)(answers)}


def with_reference(answers, mean, n=100):
    return replace(answers, reference=Reference(n=n, mean=np.array(mean)))


def test_an_all_negative_model_stands_beside_the_scores_of_two_classes():
    a = with_reference(two_classes(hits=5, misses=5, alarms=10, rejections=80), [0.7, 0.3])
    found = {b.name: b for b in baselines(a)}
    assert list(found) == ["all negative", "majority", "prevalence"]
    negative = found["all negative"].answers
    assert scores("accuracy", negative)[""].value == 0.9 and scores("sensitivity", negative)["ill"].value == 0.0
    assert scores("f1", negative)["ill"].value == 0.0 and scores("auc", negative)["ill"].value == 0.5
    assert found["prevalence"].answers.scores[0].tolist() == [0.7, 0.3]
    assert "training cases" in found["majority"].sentence


def test_the_majority_is_that_of_training_not_of_the_test():
    a = with_reference(answers_of([0, 0, 1], np.eye(3)[[0, 0, 1]]), [0.1, 0.2, 0.7])
    found = {b.name: b for b in baselines(a)}
    assert list(found) == ["majority", "prevalence"] and scores("accuracy", found["majority"].answers)[""].value == 0.0
    alone = {b.name: b for b in baselines(answers_of([0, 0, 1], np.eye(3)[[0, 0, 1]]))}
    assert "these cases themselves" in alone["majority"].sentence


@pytest.mark.parametrize("kind", ["class", "classes", "value", "boxes"])
def test_baselines_of_every_kind_can_be_scored(kind):
    several = Answers(
        labels=Labels(classes=("x", "y")), cases=["1", "2"], groups=["", ""], truth=np.eye(2) > 0, scores=np.eye(2), answer=np.eye(2) > 0
    )
    answers, metric = {
        "class": (two_classes(hits=1, rejections=2), "accuracy"),
        "classes": (several, "accuracy"),
        "value": (values_of([1.0, 2], [3.0, 4]), "mae"),
        "boxes": (boxes_of([[[0, 0, 1, 1, 0]]], [[]]), "detection_ap"),
    }[kind]
    found = baselines(answers)
    assert found and all(b.answers.kind == kind and scores(metric, b.answers) for b in found)
    assert all((x == y).all() for b in found for x, y in zip(b.answers.truth, answers.truth, strict=True))


def test_no_baseline_without_a_case():
    assert baselines(answers_of([], [])) == [] == baselines(answers_of([-1], [[1.0, 0, 0]]))


def test_a_patient_is_the_mean_of_the_cases():
    p = np.array([0.9, 0.2, 0.4, 0.8, 0.1])
    a = answers_of([1, 1, 0, 1, 0], np.stack([1 - p, p], 1), classes=("no", "yes"), positive="yes", groups=["a", "a", "b", "", ""])
    found = by_patient(a)
    assert found.unit == "patient" and found.n == 4
    rows = {c: (t, s[1], d) for c, t, s, d in zip(found.cases, found.truth, found.scores, found.answer, strict=True)}
    assert rows["a"] == (1, pytest.approx(0.55), 1) and rows["b"] == (0, pytest.approx(0.4), 0)
    assert rows["case 3"] == (1, pytest.approx(0.8), 1)
    assert scores("accuracy", found)[""].method == "wilson"


def test_the_highest_case_decides_when_asked():
    p = np.array([0.9, 0.2, 0.1])
    a = answers_of([1, 1, 0], np.stack([1 - p, p], 1), classes=("no", "yes"), positive="yes", groups=["a", "a", "b"])
    found = by_patient(a, "max")
    assert found.scores.tolist() == [pytest.approx([0.1, 0.9]), pytest.approx([0.9, 0.1])] and found.rule.startswith("highest of")
    three = answers_of([1, 1], [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], positive="b", groups=["a", "a"])
    assert by_patient(three, "max").scores.sum(axis=1) == pytest.approx(1)
    with pytest.raises(UsageError, match="positive class"):
        by_patient(answers_of([0], [[1.0, 0, 0]]), "max")


def test_patients_whose_cases_differ():
    same = [[0.5, 0.3, 0.2]] * 5
    a = answers_of([0, 1, 2, 2, 0], same, positive="b", groups=["p", "p", "q", "q", "r"])
    assert by_patient(a).truth.tolist() == [1, 2, 0] and "is b if any case is" in by_patient(a).rule
    a = answers_of([0, 2, 2, 2, 0], same, positive="b", groups=["p", "p", "q", "q", "r"])
    assert by_patient(a).cases.tolist() == ["q", "r"] and "1 patients with cases of several other classes left out" in by_patient(a).rule
    a = answers_of([0, 2, 2, 2, 0], same, groups=["p", "p", "q", "q", "r"])
    assert by_patient(a).truth.tolist() == [2, 0] and "1 patients" in by_patient(a).rule


def test_the_operating_point_can_decide_for_patients():
    a = answers_of([0, 1], [[0.7, 0.3], [0.6, 0.4]], classes=("no", "yes"), groups=["p", "q"])
    assert by_patient(a, decide=lambda s: (s[:, 1] >= 0.25).astype(int)).answer.tolist() == [1, 1]


def test_patients_of_several_labels_and_of_values():
    table = np.array([[True, False], [False, False], [False, True]])
    a = Answers(labels=Labels(classes=("x", "y")), cases=list("123"), groups=["p", "p", ""], truth=table, scores=table * 0.9, answer=table)
    found = by_patient(a)
    assert found.truth.tolist() == [[False, True], [True, False]] and found.scores[1].tolist() == [0.45, 0]
    assert by_patient(a, "max").scores[1].tolist() == [0.9, 0]
    values = by_patient(values_of([1.0, 3, 5], [2.0, 4, 6], groups=["p", "p", "q"]))
    assert values.truth.ravel().tolist() == [2, 5] and values.answer.ravel().tolist() == [3, 6]


def test_no_patient():
    assert by_patient(answers_of([], [])).n == 0
    with pytest.raises(UsageError, match="kind boxes"):
        by_patient(boxes_of([[]], [[]]))


def drawn(n=300, ties=False):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, n).astype(bool)
    score = 1 / (1 + np.exp(-rng.normal(size=n) - truth))
    return truth, np.round(score, 1) if ties else score


@pytest.mark.parametrize("ties", [False, True])
def test_the_roc_curve_has_scikit_learns_corners_and_area(ties):
    truth, score = drawn(ties=ties)
    found = roc(truth, score)
    x, y, _ = oracle.roc_curve(truth, score)
    assert found["x"] == pytest.approx(x) and found["y"] == pytest.approx(y)
    assert np.trapezoid(found["y"], found["x"]) == pytest.approx(oracle.roc_auc_score(truth, score))
    for fpr, tpr, t in list(zip(found["x"], found["y"], found["threshold"], strict=True))[1:]:
        assert ((score >= t)[~truth].mean(), (score >= t)[truth].mean()) == (pytest.approx(fpr), pytest.approx(tpr))


def test_the_precision_recall_curve_is_scikit_learns():
    truth, score = drawn(ties=True)
    found = pr(truth, score)
    precision, recall, threshold = oracle.precision_recall_curve(truth, score)
    assert found["x"] == pytest.approx(recall[:-1][::-1]) and found["y"] == pytest.approx(precision[:-1][::-1])
    assert found["threshold"] == pytest.approx(threshold[::-1]) and found["chance"] == [truth.mean()]


def test_long_curves_are_thinned_and_keep_their_ends():
    truth, score = drawn(20_000)
    found = roc(truth, score)
    assert len(found["x"]) <= 400 and (found["x"][0], found["x"][-1], found["y"][0], found["y"][-1]) == (0, 1, 0, 1)
    assert np.trapezoid(found["y"], found["x"]) == pytest.approx(oracle.roc_auc_score(truth, score), abs=1e-3)


@pytest.mark.parametrize("score", [[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
def test_the_roc_curve_of_two_cases(score):
    truth, score = np.array([True, False]), np.array(score)
    found = roc(truth, score)
    x, y, _ = oracle.roc_curve(truth, score)
    assert found["x"] == pytest.approx(x) and found["y"] == pytest.approx(y) and len(found["threshold"]) == len(x)


def test_curves_of_one_class_are_refused_alone_and_left_out_together():
    with pytest.raises(ValueError, match="both classes"):
        roc(np.array([True]), np.array([0.5]))
    with pytest.raises(ValueError, match="a case of the class"):
        pr(np.array([False]), np.array([0.5]))
    found = curves(two_classes(alarms=2, rejections=3))
    assert found["roc"] == {} == found["pr"] and "ill" in found["reliability"]
    assert curves(answers_of([], [])) == {"roc": {}, "pr": {}, "reliability": {}}


def test_reliability_before_and_after_is_json():
    a = two_classes(hits=5, misses=2, alarms=1, rejections=4)
    found = curves(a, before=a.scores[:, ::-1])
    json.dumps(found, allow_nan=False)
    assert found["reliability"]["ill"]["after"]["x"] == pytest.approx([0.2, 0.8])
    assert found["reliability"]["ill"]["before"]["y"] == pytest.approx([5 / 6, 1 / 3])
    r = reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert r["n"] == [1, 1] and r["low"][1] < 1


def test_the_same_population_shows_no_shift():
    quiet = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        one = {f"m{i}": rng.normal(size=150) for i in range(6)}
        other = {f"m{i}": rng.normal(size=100) for i in range(6)}
        quiet += not shifts(one, other)
    assert quiet >= 39


def test_a_shift_is_said_loudly_with_the_larger_effect_first():
    rng = np.random.default_rng(0)
    validation = {"confidence": rng.beta(9, 1, 200), "mean intensity": rng.normal(100, 10, 200), "rows": np.full(200, 512.0)}
    new = {"confidence": rng.beta(6, 2, 300), "mean intensity": rng.normal(160, 10, 300), "rows": np.full(300, 512.0)}
    found = shifts(validation, new)
    assert [s.measure for s in found] == ["mean intensity", "confidence"] and found[0].severity == "warn" and found[0].effect > 0.9
    assert "accuracy usually falls" in found[1].what and "median" in found[0].what
    json.dumps(found[0].record(), allow_nan=False)


def test_a_difference_too_small_to_matter_is_not_said():
    rng = np.random.default_rng(0)
    assert shifts({"m": rng.normal(0, 1, 50_000)}, {"m": rng.normal(0.05, 1, 50_000)}) == []


def test_few_cases_and_strange_numbers_are_passed_over():
    assert shifts({"m": np.zeros(7)}, {"m": np.ones(100)}) == []
    assert shifts({"m": np.zeros(50)}, {"n": np.ones(50)}) == []
    assert shifts({"m": np.full(50, np.nan)}, {"m": np.ones(50)}) == []


def test_other_shares_of_answers():
    labels = Labels(classes=("a", "b", "c"))
    assert share_shift([50, 50, 0], [52, 48, 0], labels) == [] == share_shift([3, 0, 0], [0, 0, 100], labels)
    found = share_shift([50, 50, 0], [10, 30, 60], labels)[0]
    assert found.severity == "warn" and found.effect == pytest.approx(0.6) and "answers c in 60 %" in found.what
    assert share_shift([50, 0, 0], [60, 0, 0], labels) == []


def test_measures_of_each_kind():
    assert measures(answers_of([0], [[0.2, 0.7, 0.1]]))["confidence"].tolist() == [0.7]
    assert measures(values_of([1.0], [3.0])) == {"size": np.array([3.0])} and measures(boxes_of([[]], [[]])) == {}
    assert measures(answers_of([], []))["confidence"].size == 0
