"""Scores of classes against scikit-learn, and at the edges."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from sagittal.core import Labels
from sagittal.errors import NumericFailure, UsageError
from sagittal.metrics._answers import Answers, Reference
from sagittal.metrics._confusion import confusion
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
        assert scores("ppv", a)[name].value == pytest.approx(oracle.precision_score(t == k, s == k))
        assert scores("npv", a)[name].value == pytest.approx(oracle.precision_score(t != k, s != k))
        assert scores("mcc", a)[name].value == pytest.approx(oracle.matthews_corrcoef(t == k, s == k))
        assert scores("kappa", a)[name].value == pytest.approx(oracle.cohen_kappa_score(t == k, s == k))
        assert scores("average_precision", a)[name].value == pytest.approx(oracle.average_precision_score(t == k, a.scores[:, k]))
        assert scores("brier", a)[name].value == pytest.approx(oracle.brier_score_loss(t == k, a.scores[:, k]))
    assert scores("f1", a)[""].value == pytest.approx(oracle.f1_score(t, s, average="macro"))
    assert scores("auc", a)[""].value == pytest.approx(oracle.roc_auc_score(t, a.scores, multi_class="ovr"))
    assert scores("sensitivity", a)[""].value == pytest.approx(oracle.balanced_accuracy_score(t, s))
    assert scores("balanced_accuracy", a)[""].value == pytest.approx(oracle.balanced_accuracy_score(t, s))
    assert scores("ppv", a)[""].value == pytest.approx(oracle.precision_score(t, s, average="macro"))
    assert scores("mcc", a)[""].value == pytest.approx(oracle.matthews_corrcoef(t, s))
    assert scores("kappa", a)[""].value == pytest.approx(oracle.cohen_kappa_score(t, s))
    assert scores("average_precision", a)[""].value == pytest.approx(oracle.average_precision_score(t, a.scores))
    assert scores("brier", a)[""].value == pytest.approx(oracle.brier_score_loss(t, a.scores, scale_by_half=False))
    assert scores("log_loss", a)[""].value == pytest.approx(oracle.log_loss(t, a.scores))
    assert scores("top_k", a)[""].value == pytest.approx(oracle.top_k_accuracy_score(t, a.scores, k=2))
    assert scores("top_k", a)[""].convention == "k=2"
    for s in [s for name in NAMES for s in scores(name, a).values()]:
        assert s.low < s.value < s.high, s


def test_two_classes_speak_of_the_positive_one_by_name():
    for positive, value in [("ill", 0.75), ("healthy", 0.5)]:
        a = two_classes(hits=3, misses=1, alarms=5, rejections=5)
        a = answers_of(a.truth, a.scores, classes=a.labels.classes, positive=positive)
        found = scores("sensitivity", a)
        assert list(found) == [positive] and found[positive].value == value


def test_two_classes_without_a_positive_one_are_both_shown():
    a = drawn(k=2)
    assert list(scores("f1", a)) == ["", "a", "b"]


NAMES = [
    "accuracy", "auc", "average_precision", "balanced_accuracy", "brier", "ece", "f1", "kappa",
    "log_loss", "mcc", "npv", "ppv", "sensitivity", "specificity",
]  # fmt: skip


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


def test_never_answered_is_not_left_out_of_the_mean():
    a = answers_of([0, 0, 1, 2], [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]])
    assert scores("ppv", a)["b"].undefined == "no case was answered b"
    assert scores("ppv", a)[""].undefined == "undefined for b: no case was answered b"
    assert scores("mcc", a)["b"].value is None and scores("mcc", a)[""].value == pytest.approx(oracle.matthews_corrcoef(a.truth, a.answer))


def test_predictive_values_of_a_class_that_the_truth_lacks():
    healthy = two_classes(alarms=3, rejections=2)
    for name in ["ppv", "npv", "mcc", "kappa", "average_precision"]:
        assert scores(name, healthy)["ill"].undefined == "no case of ill in the truth"
    assert scores("ppv", two_classes(misses=2, rejections=2))["ill"].undefined == "no case was answered ill"
    assert scores("npv", two_classes(hits=2, alarms=2))["ill"].undefined == "every case was answered ill"


def test_agreement_of_all_with_all_is_undefined():
    a = answers_of([1, 1], np.eye(3)[[1, 1]])
    assert scores("mcc", a)[""].undefined == "truth or answers are all of one class"
    assert scores("kappa", a)[""].undefined == "truth and answers are all of one class"
    assert scores("kappa", a)["b"].undefined == "truth and answers are all b"


def test_balanced_accuracy_of_two_classes_speaks_of_both():
    a = two_classes(hits=3, misses=1, alarms=10, rejections=10)
    assert {k: s.value for k, s in scores("balanced_accuracy", a).items()} == {"": 0.625}


def test_top_k_needs_k_below_the_number_of_classes():
    top_k = Shelf("sagittal.metrics", kind="metric").get("top_k")
    with pytest.raises(UsageError, match="of 4 classes, k has to be 1 to 3"):
        top_k(drawn(), k=4)
    assert "that is accuracy" in top_k(two_classes(hits=3))[0].undefined
    assert top_k(drawn(), k=1)[0].value == scores("accuracy", drawn())[""].value


def test_ties_do_not_help_top_k():
    top_k = Shelf("sagittal.metrics", kind="metric").get("top_k")
    assert top_k(answers_of([0, 1, 2], np.full((3, 3), 1 / 3)), k=2)[0].value == 0.0


@pytest.mark.parametrize("name", ["brier", "log_loss", "ece"])
def test_scores_that_are_no_probabilities_are_not_judged_as_such(name):
    a = answers_of([0, 1], [[3.0, -1], [0.2, 5]], classes=("a", "b"))
    assert [s.undefined for s in scores(name, a).values()] == ["the scores are not probabilities"]
    assert scores("auc", a)["a"].value == 1.0


def test_log_loss_of_a_class_is_among_its_cases():
    a = answers_of([0, 0, 1], [[0.5, 0.5, 0], [1, 0, 0], [0.25, 0.75, 0]])
    found = scores("log_loss", a)
    assert found["a"].value == pytest.approx(np.log(2) / 2) and found["b"].value == pytest.approx(-np.log(0.75))
    assert found["c"].undefined == "no case of c in the truth"
    assert scores("log_loss", answers_of([2], [[1.0, 0, 0]]))[""].value == pytest.approx(36.04, abs=0.01)


def slow_ece(confidence, right):
    total = 0.0
    for i in range(15):
        here = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if here.any():
            total += here.mean() * abs(confidence[here].mean() - right[here].mean())
    return total


def test_ece_against_a_slow_twin():
    a = drawn(500)
    assert scores("ece", a)[""].value == pytest.approx(slow_ece(a.scores.max(axis=1), a.answer == a.truth))
    assert scores("ece", a)["b"].value == pytest.approx(slow_ece(a.scores[:, 1], a.truth == 1))


def test_average_precision_with_ties_against_scikit_learn():
    rng = np.random.default_rng(0)
    truth, p = rng.integers(0, 2, 80), np.round(rng.random(80), 1)
    a = answers_of(truth, np.stack([1 - p, p], axis=1), classes=("no", "yes"), positive="yes")
    assert scores("average_precision", a)["yes"].value == pytest.approx(oracle.average_precision_score(truth, p))


def test_the_confusion_table_has_the_truth_in_rows():
    a = drawn()
    assert confusion(a)["counts"] == oracle.confusion_matrix(a.truth, a.answer).tolist()
    assert confusion(answers_of([], []))["counts"] == [[0] * 3] * 3


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
    several = scores("auc", answers_of([0, 1, 2] * 4, np.eye(3)[[0, 1, 2] * 4]))
    lows = [several[name].low for name in "abc"]
    assert (several[""].value, several[""].high, several[""].low) == (1.0, 1.0, pytest.approx(np.mean(lows)))
    assert several[""].low < 0.9
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
    assert scores("average_precision", a)[""].value == pytest.approx(oracle.average_precision_score(a.truth, a.scores))
    assert scores("mcc", a)["x"].value == pytest.approx(oracle.matthews_corrcoef(a.truth[:, 0], a.answer[:, 0]))
    assert scores("brier", a)["x"].value == pytest.approx(oracle.brier_score_loss(a.truth[:, 0], a.scores[:, 0]))
    assert scores("log_loss", a)["x"].value == pytest.approx(oracle.log_loss(a.truth[:, 0], a.scores[:, 0]))
    assert scores("balanced_accuracy", a)["x"].value == pytest.approx(oracle.balanced_accuracy_score(a.truth[:, 0], a.answer[:, 0]))
    assert scores("ece", a)[""].value == pytest.approx(np.mean([slow_ece(a.scores[:, k], a.truth[:, k]) for k in range(3)]))
    with pytest.raises(UsageError, match="kind classes"):
        scores("top_k", a)


def test_the_reference_is_what_training_said():
    assert Reference.of(np.array([0, 1, 1, -1]), classes=2).mean.tolist() == [1 / 3, 2 / 3]
    assert Reference.of(np.zeros((0, 2), bool), classes=2).mean.tolist() == [0, 0]
    assert Reference.of(np.array([[1.0, 5], [3, 7]]), classes=2).mean.tolist() == [2, 6]
