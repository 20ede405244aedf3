"""Probabilities counted in bins keep the order of samples."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sagittal.metrics._counted import Counted
from sagittal.ops.ranked import BINS, REACH, spread


def slow(scores, truth, k):
    counts = np.zeros((2, BINS), int)
    for p, t in zip(scores.ravel().tolist(), truth.ravel().tolist(), strict=True):
        if t == -1:
            continue
        logit = -np.inf if p <= 0 else np.inf if p >= 1 else np.log(p / (1 - p))
        counts[int(t == k), int(np.clip(np.floor((logit + REACH) * BINS / (2 * REACH)), 0, BINS - 1))] += 1
    return counts


def area(scores, truth, k=1):
    counts = spread(scores, truth, k)
    return float(Counted.of(np.concatenate([np.ones(4), counts.ravel()])).area)


@pytest.mark.parametrize("seed", range(4))
def test_bins_are_those_of_the_slow_twin(seed):
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random((9, 40)) < 0.2, rng.integers(0, 2, (9, 40)), rng.beta(0.1, 0.1, (9, 40))).astype(np.float32)
    truth = rng.integers(-1, 3, (9, 40))
    assert np.abs(spread(scores, truth, 2) - slow(scores, truth, 2)).sum() <= 2, "a sample on the edge of two bins"
    assert spread(scores, truth, 2).sum() == (truth >= 0).sum()


@pytest.mark.parametrize("sure", [0.5, 3.0, 9.0])
def test_the_area_is_that_of_scikit_learn_however_sure_the_model(sure):
    rng = np.random.default_rng(0)
    truth = (rng.random(20_000) < 0.05).astype(int)
    scores = (1 / (1 + np.exp(-sure * (rng.normal(size=truth.size) + 1.5 * truth - 1)))).astype(np.float32)
    assert area(scores, truth) == pytest.approx(roc_auc_score(truth, scores), abs=5e-4)


def test_ties_count_half():
    assert area(np.full(5, 0.3, np.float32), np.array([0, 1, 0, 1, 1])) == 0.5


def test_a_truth_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="one grid"):
        spread(np.zeros((2, 2), np.float32), np.zeros((2, 3), int), 1)
