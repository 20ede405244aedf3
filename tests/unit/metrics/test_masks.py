"""Scores of masks against slow twins and published truths."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from sagittal.core import Geometry, Labels
from sagittal.metrics._case import ABSENT, ADDED
from sagittal.metrics.dice import dice

LABELS = Labels(classes=("ground", "a", "b"), background="ground")


def measure(metric, truth, answer, labels=LABELS, geometry=None):
    truth, answer = np.asarray(truth), np.asarray(answer)
    return metric.measure(truth, answer, geometry or Geometry(shape=truth.shape, affine=np.eye(truth.ndim + 1)), labels)


@pytest.mark.parametrize("seed", range(3))
def test_dice_is_f1_of_the_samples(seed):
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(-1, 3, (9, 8, 7)), rng.integers(0, 3, (9, 8, 7))
    known = truth != -1
    found = measure(dice, truth, answer)
    wanted = f1_score(truth[known], answer[known], average=None)
    assert list(found) == ["a", "b"]
    assert [found["a"], found["b"]] == pytest.approx(wanted[1:])


def test_a_perfect_answer_without_a_class_is_not_half_right():
    truth = np.array([[0, 1], [1, 0]])
    assert measure(dice, truth, truth) == {"a": 1.0, "b": ABSENT}


def test_dice_of_a_missed_and_of_an_added_class():
    assert measure(dice, [[0, 1]], [[0, 2]]) == {"a": 0.0, "b": ADDED}


def test_masks_on_two_grids_or_with_strange_numbers_are_refused():
    with pytest.raises(ValueError, match="one grid"):
        measure(dice, np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="class index"):
        measure(dice, [[3]], [[0]])
