"""Scores of classes against scikit-learn, and at the edges."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from sagittal.core import Labels
from sagittal.errors import NumericFailure, UsageError
from sagittal.metrics._answers import Answers, Reference
from sagittal.metrics._examples import answers_of, two_classes
from sagittal.shelf import Shelf


def scores(name, answers):
    return {s.label: s for s in Shelf("sagittal.metrics", kind="metric").get(name)(answers)}


def drawn(n=200, k=4, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k)) + 1.2 * np.eye(k)[truth]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return answers_of(truth, p, classes=tuple("abcdefgh"[:k]), groups=groups)


def test_the_published_examples():
    whole = scores("accuracy", two_classes(hits=400, misses=100, alarms=95, rejections=373))[""]
    assert (whole.value, whole.low, whole.high, whole.n) == pytest.approx((773 / 968, 0.772, 0.823, 968), abs=5e-4)
    drusen = scores("sensitivity", two_classes(hits=89, misses=153))["ill"]
    assert (drusen.low, drusen.high, drusen.n, drusen.method) == (
        pytest.approx(0.310, abs=5e-4),
        pytest.approx(0.430, abs=5e-4),
        242,
        "wilson",
    )


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed):
    a = drawn(seed=seed)
    t, s = a.truth, a.answer
    assert scores("accuracy", a)[""].value == pytest.approx(oracle.accuracy_score(t, s))
    recall = oracle.recall_score(t, s, average=None)
    for k, name in enumerate(a.labels.classes):
        assert scores("sensitivity", a)[name].value == pytest.approx(recall[k])
        assert scores("accuracy", a)[name].value == pytest.approx(recall[k])
        assert scores("specificity", a)[name].value == pytest.approx(oracle.recall_score(t != k, s != k))
        assert scores("f1", a)[name].value == pytest.approx(oracle.f1_score(t == k, s == k))
        assert scores("auc", a)[name].value == pytest.approx(oracle.roc_auc_score(t == k, a.scores[:, k]))
    assert scores("f1", a)[""].value == pytest.approx(oracle.f1_score(t, s, average="macro"))
    assert scores("auc", a)[""].value == pytest.approx(oracle.roc_auc_score(t, a.scores, multi_class="ovr"))
    assert scores("sensitivity", a)[""].value == pytest.approx(oracle.balanced_accuracy_score(t, s))


def test_two_classes_speak_of_the_positive_one_by_name():
    for positive, value in [("ill", 0.75), ("healthy", 0.5)]:
        a = two_classes(hits=3, misses=1, alarms=5, rejections=5)
        a = answers_of(a.truth, a.scores, classes=a.labels.classes, positive=positive)
        found = scores("sensitivity", a)
        assert list(found) == [positive] and found[positive].value == value


def test_two_classes_without_a_positive_one_are_both_shown():
    a = drawn(k=2)
    assert list(scores("f1", a)) == ["", "a", "b"]


NAMES = ["accuracy", "auc", "sensitivity", "specificity", "f1"]


@pytest.mark.parametrize("name", NAMES)
def test_no_case_is_undefined_not_a_crash(name):
    for a in [answers_of([], []), two_classes(), answers_of([-1, -1], np.eye(3)[:2])]:
        for s in scores(name, a).values():
            assert s.value is None and s.n == 0 and "no case" in s.undefined


@pytest.mark.parametrize("name", NAMES)
def test_one_case_has_no_made_up_interval(name):
    for s in scores(name, answers_of([1], [[0.2, 0.5, 0.3]])).values():
        assert s.value is None or s.low is None or s.high - s.low > 0.5


def test_one_class_in_the_truth():
    ill = two_classes(hits=5, misses=2)
    assert scores("auc", ill)["ill"].undefined == "every case of the truth is ill"
    assert scores("specificity", ill)["ill"].undefined == "every case of the truth is ill"
    assert scores("specificity", ill)["ill"].n == 0
    healthy = two_classes(alarms=3, rejections=2)
    assert scores("auc", healthy)["ill"].undefined == "no case of ill in the truth"
    assert scores("sensitivity", healthy)["ill"].undefined == "no case of ill in the truth"
    assert scores("f1", healthy)["ill"].undefined == "no case of ill in the truth"
    assert scores("specificity", healthy)["ill"].value == 0.4


def test_a_class_that_the_truth_lacks_is_named_and_not_averaged():
    a = answers_of([0, 0, 1, 1], [[0.9, 0.1, 0], [0.2, 0.1, 0.7], [0, 1, 0], [0, 1, 0]])
    macro = scores("sensitivity", a)[""]
    assert macro.value == 0.75 and macro.convention == "mean over 2 classes; absent from the truth: c"
    assert scores("f1", a)["c"].value is None
    assert scores("f1", a)[""].value == pytest.approx((2 / 3 + 1) / 2)


def test_a_class_never_answered_counts_as_missed():
    a = answers_of([0, 0, 1, 2], [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]])
    assert scores("f1", a)["b"].value == 0.0
    assert scores("f1", a)[""].value == pytest.approx((0.8 + 0 + 1) / 3)


def test_cases_of_which_nothing_is_known_are_left_out():
    a = answers_of([0, 1, 2, -1, -1], np.eye(3)[[0, 1, 2, 1, 1]])
    assert scores("accuracy", a)[""].n == 3 and scores("specificity", a)["b"].value == 1.0


def test_complete_separation_is_not_certainty():
    s = scores("auc", two_classes(hits=10, rejections=10))["ill"]
    assert (s.value, s.high, s.method) == (1.0, 1.0, "newcombe") and s.low == pytest.approx(0.8, abs=0.01)
    assert scores("accuracy", two_classes(hits=10, rejections=10))[""].low < 0.9
    assert scores("f1", two_classes(hits=10, rejections=10))["ill"].low is None


def test_ties_count_half():
    a = answers_of([0, 1, 0, 1], np.full((4, 2), 0.5), classes=("no", "yes"), positive="yes")
    s = scores("auc", a)["yes"]
    assert s.value == 0.5 and s.low < 0.2 and s.high > 0.8


def test_several_cases_a_patient_change_the_interval_and_the_method():
    groups = np.repeat([f"p{i}" for i in range(10)], 20)
    alone, grouped = drawn(), drawn(groups=groups)
    for name in NAMES:
        one, other = scores(name, alone)["" if name != "auc" else "a"], scores(name, grouped)["" if name != "auc" else "a"]
        assert one.value == other.value and (one.low, one.high) != (other.low, other.high)
        assert "10 groups" in other.method, name


def test_a_group_known_for_some_cases_only():
    a = answers_of([0, 1, 2], np.eye(3), groups=["", "p", ""])
    assert a.owners.tolist() == [0, 2, 1] and scores("accuracy", a)[""].method == "wilson"


def test_intervals_are_the_same_at_every_call():
    assert scores("f1", drawn()) == scores("f1", drawn())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_by_the_name_of_the_case(bad):
    with pytest.raises(NumericFailure, match="case 1"):
        answers_of([0, 1], [[0.5, 0.5], [bad, 0.5]], classes=("a", "b"))


def test_shapes_that_do_not_fit_are_refused():
    good = {"labels": Labels(classes=("a", "b")), "cases": ["1"], "groups": [""], "scores": [[1.0, 0]]}
    good |= {"truth": np.array([0]), "answer": np.array([0])}
    Answers(**good)
    for change in [
        {"truth": np.array([2])}, {"truth": np.array([0, 1])}, {"truth": np.array([-2])}, {"answer": np.array([-1])},
        {"truth": np.array([0.0])}, {"scores": [[1.0, 0, 0]]}, {"groups": []}, {"truth": np.array([[True, False]])},
    ]:  # fmt: skip
        with pytest.raises(ValueError):
            Answers(**good | change)


def test_metrics_of_classes_refuse_values():
    a = Answers(
        labels=Labels(classes=("mm",)), cases=["1"], groups=[""], truth=[[1.0]] * np.ones((1, 1)), scores=[[1.0]], answer=np.ones((1, 1))
    )
    assert a.kind == "value"
    for name in NAMES:
        with pytest.raises(UsageError, match="of the kind value"):
            scores(name, a)


def several(seed=0, n=150):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 3)) < [0.5, 0.2, 0.1]
    score = 1 / (1 + np.exp(-(rng.normal(size=(n, 3)) + 2 * truth - 1)))
    return Answers(
        labels=Labels(classes=("x", "y", "z")), cases=np.arange(n).astype(str), groups=np.full(n, ""),
        truth=truth, scores=score, answer=score > 0.5,
    )  # fmt: skip


def test_several_labels_a_case_against_scikit_learn():
    a = several()
    assert a.kind == "classes"
    assert scores("accuracy", a)[""].value == pytest.approx(oracle.accuracy_score(a.truth, a.answer))
    assert scores("f1", a)[""].value == pytest.approx(oracle.f1_score(a.truth, a.answer, average="macro"))
    assert scores("auc", a)[""].value == pytest.approx(oracle.roc_auc_score(a.truth, a.scores))
    assert scores("sensitivity", a)["y"].value == pytest.approx(oracle.recall_score(a.truth[:, 1], a.answer[:, 1]))


def test_the_reference_is_what_training_said():
    assert Reference.of(np.array([0, 1, 1, -1]), classes=2).mean.tolist() == [1 / 3, 2 / 3]
    assert Reference.of(np.zeros((0, 2), bool), classes=2).mean.tolist() == [0, 0]
    assert Reference.of(np.array([[1.0, 5], [3, 7]]), classes=2).mean.tolist() == [2, 6]
