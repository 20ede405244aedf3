"""Scores of detected boxes: published rules on small examples, and a slow twin."""

import numpy as np
import pytest

from sagittal.core import Labels
from sagittal.errors import UsageError
from sagittal.metrics._answers import Answers
from sagittal.metrics._boxes import overlap
from sagittal.metrics._examples import boxes_of, two_classes
from sagittal.metrics.detection_ap import detection_ap
from sagittal.metrics.detection_f1 import detection_f1


def box(y, x, k=0, score=None, size=4):
    return [y, x, y + size, x + size, k] + ([] if score is None else [score])


def slow_ap(truth, said, iou=0.5):
    """The rule in words, one class: walk down the scores, take the best free true box, integrate the envelope."""
    pool = sorted(((b[-1], i, b) for i, boxes in enumerate(said) for b in boxes), key=lambda e: -e[0])
    free = [list(boxes) for boxes in truth]
    n = sum(len(boxes) for boxes in truth)
    hits, points = 0, []
    for rank, (_, i, b) in enumerate(pool, start=1):
        best = max(free[i], key=lambda t: overlap(np.array([b[:4]]), np.array([t[:4]]))[0, 0], default=None)
        if best is not None and overlap(np.array([b[:4]]), np.array([best[:4]]))[0, 0] >= iou:
            free[i].remove(best)
            hits += 1
        points.append((hits / n, hits / rank))
    area, before = 0.0, 0.0
    for j, (recall, _) in enumerate(points):
        area += (recall - before) * max(p for _, p in points[j:])
        before = recall
    return area


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_against_a_slow_twin(seed):
    rng = np.random.default_rng(seed)
    truth, said = [], []
    for _ in range(12):
        truth.append([box(*rng.uniform(0, 12, 2)) for _ in range(rng.integers(0, 4))])
        near = [box(*(np.array(t[:2]) + rng.normal(0, 0.8, 2)), score=rng.random()) for t in truth[-1]]
        said.append(near + [box(*rng.uniform(0, 12, 2), score=rng.random()) for _ in range(rng.integers(0, 3))])
    s = detection_ap(boxes_of(truth, said))[0]
    assert s.value == pytest.approx(slow_ap(truth, said)) and s.n == 12
    assert s.low <= s.value <= s.high


def test_a_second_box_on_the_same_object_is_an_alarm():
    truth = [[box(0, 0), box(50, 50)]]
    said = [[box(0, 0, score=0.9), box(0, 0.1, score=0.8), box(50, 50, score=0.7)]]
    assert detection_ap(boxes_of(truth, said))[0].value == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert detection_f1(boxes_of(truth, said))[0].value == pytest.approx(4 / 5)


def test_a_box_in_another_case_or_of_another_class_finds_nothing():
    a = boxes_of([[box(0, 0)], []], [[], [box(0, 0, score=0.9)]])
    assert detection_ap(a)[0].value == 0.0 and detection_f1(a)[0].value == 0.0
    a = boxes_of([[box(0, 0, 0)]], [[box(0, 0, 1, score=0.9)]], classes=("a", "b"))
    macro, first, second = detection_ap(a)
    assert (macro.value, first.value, second.undefined) == (0.0, 0.0, "no true box of b")
    assert "absent from the truth: b" in macro.convention
    macro, first, second = detection_f1(a)
    assert (macro.value, first.value, second.undefined) == (0.0, 0.0, "no true box of b")


def test_nothing_true_is_undefined_and_nothing_found_is_0():
    for metric in (detection_ap, detection_f1):
        assert metric(boxes_of([[], []], [[], [box(0, 0, score=0.9)]]))[0].undefined == "no true box of nodule"
        assert metric(boxes_of([], []))[0].value is None
        assert metric(boxes_of([[box(0, 0)]], [[]]))[0].value == 0.0


def test_boxes_below_the_threshold_do_not_count_for_f1():
    a = boxes_of([[box(0, 0)]], [[box(0, 0, score=0.9), box(20, 20, score=0.4)]])
    assert detection_f1(a)[0].value == 1.0
    assert detection_f1(a, threshold=0.3)[0].value == pytest.approx(2 / 3)


def test_the_background_class_has_no_boxes():
    a = boxes_of([[box(0, 0, 1)]], [[box(0, 0, 1, score=0.9)]], classes=("tissue", "nodule"))
    labels = Labels(classes=("tissue", "nodule"), background="tissue")
    a = Answers(labels=labels, cases=a.cases, groups=a.groups, truth=a.truth, scores=a.scores, answer=a.answer)
    assert [s.label for s in detection_ap(a)] == ["nodule"] == [s.label for s in detection_f1(a)]


def test_boxes_in_space():
    truth, said = np.array([[0.0, 0, 0, 2, 2, 2]]), np.array([[0.0, 0, 0, 2, 2, 1], [1, 1, 1, 3, 3, 3], [0, 0, 0, 0, 0, 0]])
    assert overlap(said, truth)[:, 0].tolist() == [0.5, 1 / 15, 0.0]


def test_metrics_of_boxes_refuse_classes_and_the_other_way_round():
    with pytest.raises(UsageError, match="kind boxes"):
        detection_ap(two_classes(hits=1))
    with pytest.raises(UsageError, match="kind boxes"):
        boxes_of([[]], [[]]).each_class()
