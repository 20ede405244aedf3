"""Intervals against published numbers, slow twins and simulation."""

from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sagittal.metrics._intervals import Z, area, bootstrap, delong_variance, group_sums, newcombe, on_logit, wilson


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(773, 968, 0.772, 0.823), (89, 242, 0.310, 0.430)])
def test_wilson_gives_the_published_intervals(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-4)


def test_wilson_solves_its_own_equation():
    for hits, n in [(1, 7), (5, 9), (50, 60)]:
        for end in wilson(hits, n):
            assert abs(hits / n - end) == pytest.approx(Z * np.sqrt(end * (1 - end) / n))
    assert pytest.approx(NormalDist().inv_cdf(0.975)) == Z


def test_wilson_is_open_to_doubt_when_all_or_none_hit():
    assert wilson(5, 5)[0] < 0.6 and wilson(5, 5)[1] == 1.0
    assert wilson(0, 5)[0] == 0.0 and wilson(0, 5)[1] > 0.4


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_what_is_not_a_proportion(hits, n):
    with pytest.raises(ValueError, match="not a proportion"):
        wilson(hits, n)


def slow_delong(truth, score):
    """DeLong's area and variance from every pair, as the paper writes it."""
    x, y = score[truth], score[~truth]
    psi = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in y] for a in x])
    value = psi.mean()
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    s10 = ((v10 - value) ** 2).sum() / (len(x) - 1)
    s01 = ((v01 - value) ** 2).sum() / (len(y) - 1)
    return value, s10 / len(x) + s01 / len(y)


def slow_obuchowski(truth, score, owners):
    """Obuchowski's variance for clustered cases, as the paper writes it."""
    x, y = np.flatnonzero(truth), np.flatnonzero(~truth)
    psi = np.array([[1.0 if score[a] > score[b] else 0.5 if score[a] == score[b] else 0.0 for b in y] for a in x])
    value, m, n = psi.mean(), len(x), len(y)
    groups = np.unique(owners)
    up = {g: sum(psi[i].mean() - value for i, a in enumerate(x) if owners[a] == g) for g in groups}
    down = {g: sum(psi[:, j].mean() - value for j, b in enumerate(y) if owners[b] == g) for g in groups}
    i10, i01, i = len(set(owners[x])), len(set(owners[y])), len(groups)
    s10 = i10 / ((i10 - 1) * m) * sum(v**2 for v in up.values())
    s01 = i01 / ((i01 - 1) * n) * sum(v**2 for v in down.values())
    s11 = i / (i - 1) * sum(up[g] * down[g] for g in groups)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("seed", range(6))
def test_the_fast_area_and_variance_equal_the_slow_ones_with_ties(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(60) < 0.4
    score = np.round(rng.normal(size=60) + truth, seed % 3)
    found = area(truth, score)
    value, variance = slow_delong(truth, score)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.value == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert delong_variance(found, truth, np.arange(60)) == pytest.approx(variance, abs=1e-14)
    owners = rng.integers(0, 15, 60)
    assert delong_variance(found, truth, owners) == pytest.approx(max(0, slow_obuchowski(truth, score, owners)), abs=1e-14)


def test_the_variance_of_an_area_is_not_made_up_from_one_case():
    truth = np.array([True, False, False, False])
    assert delong_variance(area(truth, np.arange(4.0)), truth, np.arange(4)) is None


@pytest.mark.parametrize("value", [0.0, 0.3, 0.8, 1.0])
def test_newcombe_solves_its_own_equation(value):
    m, n = 12, 30
    half = (m + n) / 2 - 1
    low, high = newcombe(value, m, n)
    assert low <= value <= high and high - low > 0.05
    for end in {low, high} - {0.0, 1.0}:
        variance = end * (1 - end) * (1 + half * (1 - end) / (2 - end) + half * end / (1 + end)) / (m * n)
        assert abs(end - value) == pytest.approx(Z * np.sqrt(variance), abs=1e-9)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 50), (500, 400)])
def test_newcombe_holds_for_any_number_of_cases(m, n):
    low, high = newcombe(1.0, m, n)
    assert 0 <= low < 1.0 == high


def coverage(ends, truth_value):
    return np.mean([low <= truth_value <= high for low, high in ends])


def test_the_logit_interval_covers_a_high_area_better_than_the_plain_one():
    rng = np.random.default_rng(0)
    wanted = 0.97
    shift = NormalDist().inv_cdf(wanted) * np.sqrt(2)
    logits, plain = [], []
    truth = np.arange(60) < 20
    for _ in range(1500):
        score = rng.normal(size=60) + shift * truth
        found = area(truth, score)
        variance = delong_variance(found, truth, np.arange(60))
        half = Z * np.sqrt(variance)
        plain.append((found.value - half, found.value + half))
        logits.append(on_logit(found.value, variance) if variance and found.value < 1 else newcombe(found.value, 20, 40))
    assert coverage(plain, wanted) < 0.91
    assert 0.93 <= coverage(logits, wanted) <= 0.99


def test_the_bootstrap_of_a_mean_agrees_with_theory():
    values = np.random.default_rng(3).normal(10, 2, 400)
    found = bootstrap(np.stack([values, np.ones(400)], axis=1), lambda s: s[:, 0] / s[:, 1])
    half = Z * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.05)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05)
    assert found.method == "bootstrap over 400 groups"


def test_both_ways_of_resampling_are_the_same_bootstrap():
    rows = np.array([[1.0, 1.0], [0.0, 1.0]] * 300)
    near = rows + np.random.default_rng(0).normal(size=rows.shape) * 1e-9  # no two rows equal: drawn one by one
    mean = lambda s: s[:, 0] / s[:, 1]  # noqa: E731
    few, many = bootstrap(rows, mean), bootstrap(near, mean)
    assert few.low == pytest.approx(many.low, abs=0.006) and few.high == pytest.approx(many.high, abs=0.006)


def test_the_bootstrap_does_not_pretend():
    mean = lambda s: s[:, 0] / s[:, 1]  # noqa: E731
    assert bootstrap(np.ones((1, 2)), mean).low is None
    assert bootstrap(np.ones((30, 2)), mean).low is None
    assert bootstrap(np.ones((30, 2)) * np.arange(30)[:, None], lambda s: np.full(len(s), np.nan)).low is None


def test_sums_by_group():
    assert group_sums(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1])).tolist() == [[2.0], [5.0]]


def test_groups_widen_the_interval_of_repeated_cases():
    rng = np.random.default_rng(1)
    rows = np.repeat((rng.random(40) < 0.7).astype(float), 25)[:, None] * [1, 0] + [0, 1]
    mean = lambda s: s[:, 0] / s[:, 1]  # noqa: E731
    alone = bootstrap(group_sums(rows, np.arange(1000)), mean)
    grouped = bootstrap(group_sums(rows, np.repeat(np.arange(40), 25)), mean)
    assert grouped.high - grouped.low > 4 * (alone.high - alone.low)
