"""Rule 5 of honesty: a score never improves when a true positive is removed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sagittal.core import Geometry, Labels
from sagittal.metrics._answers import Answers
from sagittal.metrics._examples import answers_of, boxes_of
from sagittal.metrics._intervals import wilson
from sagittal.metrics._summary import summarise
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.metrics", kind="metric")
CLASSES = ("a", "b", "c")
# Calibration is no merit of the answers: a model that is wrong and unsure has a lower error than one that is right and unsure.
OF_CLASSES = [
    "accuracy", "auc", "average_precision", "balanced_accuracy", "brier", "f1", "kappa", "log_loss",
    "mcc", "npv", "ppv", "sensitivity", "specificity", "top_k",
]  # fmt: skip
OF_MASKS = ["dice", "iou", "lesion_f1", "voxel_precision", "voxel_sensitivity", "voxel_specificity"]
# Of surfaces this holds for whole structures only: a sample that was found can lie far from the true surface, inside of the structure.
OF_SURFACES = ["assd", "hd", "hd95", "nsd"]
quick = settings(max_examples=30, deadline=None)
STANDARD = {"kappa", "mcc"}
"""Of three classes all at once these can rise, for the answer's shares of classes change, too: their definition, which they say."""


def no_better(before, after, *, what):
    """No score is better than it was; one that was defined may become undefined, which nobody takes for better."""
    left = {s.label: s for s in after}
    for s in before:
        t = left[s.label]
        if s.value is None or t.value is None:
            continue
        gain = (t.value - s.value) * (1 if s.higher_is_better else -1)
        assert gain <= 1e-9, f"{what} {s.label!r} went from {s.value} to {t.value}"


def cases(k):
    """Truths of some cases, and a seed for their probabilities."""
    truth = st.integers(2, 25).flatmap(lambda n: arrays.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    return st.tuples(truth, st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize(("k", "positive"), [(2, None), (2, "b"), (3, None)])
@given(data=st.data())
@quick
def test_a_case_that_was_right_and_is_no_more_improves_no_score(name, k, positive, data):
    truth, seed = data.draw(cases(k))
    n = len(truth)
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k), n)
    a = answers_of(truth, p, classes=CLASSES[:k], positive=positive)
    right = np.flatnonzero((a.answer == truth) & ((truth == a.labels.index(positive)) if positive and k == 2 else True))
    assume(right.size > 0)
    i = right[data.draw(st.integers(0, right.size - 1))]
    # The case now goes to another class, with the two probabilities changed over.
    other = (truth[i] + data.draw(st.integers(1, k - 1))) % k
    q = p.copy()
    q[i, [truth[i], other]] = p[i, [other, truth[i]]]
    worse = answers_of(truth, q, classes=CLASSES[:k], positive=positive)
    metric = SHELF.get(name)
    # Of the class that lost the case, and of all together; the class that gained it has a false positive more.
    labels = {a.labels.classes[truth[i]]} | (set() if name in STANDARD and k > 2 else {""})
    before, after = ([s for s in metric(x) if s.label in labels] for x in (a, worse))
    no_better(before, after, what=name)


@pytest.mark.parametrize("name", [n for n in OF_CLASSES if n not in {"top_k"}])
@given(data=st.data())
@quick
def test_a_label_that_was_found_and_is_no_more_improves_no_score(name, data):
    n = data.draw(st.integers(2, 20))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    truth, p = rng.random((n, 2)) < 0.5, rng.random((n, 2))
    a = Answers(labels=Labels(classes=("x", "y")), cases=np.arange(n), groups=[""] * n, truth=truth, scores=p, answer=p >= 0.5)
    found = np.argwhere(truth & a.answer)
    assume(len(found))
    at = tuple(found[data.draw(st.integers(0, len(found) - 1))])
    q = p.copy()
    q[at] = 1 - p[at]
    no_better(SHELF.get(name)(a), SHELF.get(name)(replace(a, scores=q, answer=q >= 0.5)), what=name)


@pytest.mark.parametrize("name", OF_MASKS)
@given(
    truth=arrays.arrays(np.int64, (4, 5), elements=st.integers(0, 2)),
    answer=arrays.arrays(np.int64, (4, 5), elements=st.integers(0, 2)),
    pick=st.integers(0, 19),
)
@quick
def test_a_sample_that_was_found_and_is_no_more_improves_no_overlap(name, truth, answer, pick):
    hit = np.argwhere((truth == answer) & (truth > 0))
    assume(len(hit))
    less = answer.copy()
    less[tuple(hit[pick % len(hit)])] = 0
    labels = Labels(classes=("ground", "a", "b"), background="ground")
    metric, grid = SHELF.make(name), Geometry(shape=(4, 5), affine=np.eye(3))
    rows = [[metric.measure(truth, x, grid, labels), {"a": 0.5, "b": 0.9}] for x in (answer, less)]
    before, after = (summarise(metric, r, ["", ""], np.random.default_rng(0)) for r in rows)
    no_better(before, after, what=name)
    assert [s.undefined for s in before] == [s.undefined for s in after]


@given(
    truth=arrays.arrays(np.bool_, (5, 6)), answer=arrays.arrays(np.bool_, (5, 6)), pick=st.integers(0, 29), overlap=st.floats(0, 0.9),
    connectivity=st.sampled_from(["full", "faces"]),
)  # fmt: skip
@quick
def test_a_sample_that_was_found_and_is_no_more_improves_no_rule_for_lesions(truth, answer, pick, overlap, connectivity):
    hit = np.argwhere(truth & answer)
    assume(len(hit))
    less = answer.copy()
    less[tuple(hit[pick % len(hit)])] = False
    metric = SHELF.make("lesion_f1", {"overlap": overlap, "connectivity": connectivity})
    labels, grid = Labels(classes=("ground", "a"), background="ground"), Geometry(shape=(5, 6), affine=np.eye(3))
    before, after = (metric.measure(truth.astype(int), x.astype(int), grid, labels)["a"] for x in (answer, less))
    assert after <= before


# An answer that draws nothing has no false positive: specificity may rise, and only it.
@pytest.mark.parametrize("name", [*(n for n in OF_MASKS if n != "voxel_specificity"), *OF_SURFACES])
@given(seed=st.integers(0, 2**32 - 1), lost=st.integers(1, 5))
@quick
def test_structures_that_are_missed_altogether_improve_no_summary(name, seed, lost):
    labels = Labels(classes=("ground", "a"), background="ground")
    metric, grid = SHELF.make(name), Geometry(shape=(6, 6), affine=np.eye(3), unit="mm")
    rng = np.random.default_rng(seed)
    truths = [rng.integers(0, 2, (6, 6)) for _ in range(5)]
    said = [rng.integers(0, 2, (6, 6)) for _ in range(5)]
    less = [np.zeros_like(s) if i < lost else s for i, s in enumerate(said)]
    before, after = (
        summarise(metric, [metric.measure(t, s, grid, labels) for t, s in zip(truths, x, strict=True)], [""] * 5, np.random.default_rng(0))
        for x in (said, less)
    )
    no_better(before, after, what=name)


@pytest.mark.parametrize("name", ["detection_ap", "detection_f1"])
@given(seed=st.integers(0, 2**32 - 1), pick=st.integers(0, 99))
@quick
def test_an_object_that_was_found_and_is_no_more_improves_no_score(name, seed, pick):
    rng = np.random.default_rng(seed)
    places = [np.stack([np.full(n := rng.integers(0, 4), 0.0), np.arange(n) * 20.0], axis=1) for _ in range(4)]
    truth = [[[*p, *(p + 5), 0] for p in case] for case in places]
    hits = [[[*p, *(p + 5), 0, rng.random()] for p in case if rng.random() < 0.8] for case in places]
    alarms = [[[50, 0, 55, 5, 0, rng.random()]] * rng.integers(0, 2) for _ in places]
    found = [(i, j) for i, case in enumerate(hits) for j in range(len(case))]
    assume(found)
    i, j = found[pick % len(found)]
    less = [[b for m, b in enumerate(case) if (k, m) != (i, j)] for k, case in enumerate(hits)]
    metric = SHELF.get(name)
    before, after = (metric(boxes_of(truth, [h + a for h, a in zip(x, alarms, strict=True)])) for x in (hits, less))
    no_better(before, after, what=name)
    assert all(s.value is not None for s in after)


@given(n=st.integers(1, 2000), share=st.floats(0, 1))
def test_a_wilson_interval_holds_its_proportion_and_grows_narrower(n, share):
    hits = round(share * n)
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    wider = wilson(hits * 4, n * 4)
    assert wider[1] - wider[0] < high - low


@given(truth=arrays.arrays(np.bool_, 30), score=arrays.arrays(np.float64, 30, elements=st.floats(0.01, 0.99)))
@quick
def test_areas_and_precisions_only_know_the_order_of_scores(truth, score):
    def of(p):
        return answers_of(truth.astype(int), np.stack([1 - p, p], axis=1), classes=("no", "yes"), positive="yes")

    for name in ("auc", "average_precision"):
        one, other = (SHELF.get(name)(of(np.round(p, 6)))[0] for p in (np.round(score, 2), np.round(score, 2) ** 2))
        assert one.undefined == other.undefined
        assert one.value is None or (one.value, one.low) == pytest.approx((other.value, other.low))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_the_order_of_cases_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    a = answers_of(rng.integers(0, 3, 20), rng.dirichlet(np.ones(3), 20), groups=rng.integers(0, 8, 20))
    b = a.take(rng.permutation(20))
    for name in OF_CLASSES:
        for s, t in zip(SHELF.get(name)(a), SHELF.get(name)(b), strict=True):
            assert s.undefined == t.undefined and (s.value is None or s.value == pytest.approx(t.value))
