"""95 % intervals: Wilson for proportions, DeLong for areas, the bootstrap over groups for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata

Z = 1.959963984540054
RESAMPLES = 2000
LEAST_DEFINED = 0.9
Floats = NDArray[np.float64]
Statistic = Callable[[Floats], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval and how it was made; both ends None where none can be given."""

    low: float | None
    high: float | None
    method: str


def wilson(hits: float, n: float) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927): sound for few cases, and for none or all of them.

    Args:
        hits: How many of the cases.
        n: How many cases; above 0.

    Raises:
        ValueError: No case, or more hits than cases.

    >>> [round(end, 3) for end in wilson(773, 968)]
    [0.772, 0.823]
    """
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is not a proportion")
    share = hits / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # The ends are exact where no or every case hits; rounding must not take them past it.
    return (0.0 if hits == 0 else max(0.0, centre - half), 1.0 if hits == n else min(1.0, centre + half))


def group_sums(values: Floats, owners: NDArray[np.intp]) -> Floats:
    """The rows of ``values`` ``(N, M)`` summed by owner, ``(G, M)``."""
    groups = int(owners.max()) + 1 if owners.size else 0
    sums = np.zeros((groups, values.shape[1]))
    np.add.at(sums, owners, values)
    return sums


def bootstrap(sums: Floats, statistic: Statistic, *, seed: int = 0, resamples: int = RESAMPLES, centre: float | None = None) -> Interval:
    """The percentile interval of a statistic of sums, over resampled groups.

    Groups, not cases, are drawn with replacement: cases of one patient are not independent. Groups with equal
    sums are drawn together (a multinomial draw of how often each kind of row comes), which is the same bootstrap, faster.

    Args:
        sums: ``(G, M)``, a row a group.
        statistic: From resampled totals ``(B, M)`` to values ``(B,)``; NaN where undefined.
        seed: Of the resampling.
        resamples: How many.
        centre: Of a statistic that is never below 0 and that resampling by itself makes larger: its value in the
            data, on which the mean of the resamples is put.

    Returns:
        No ends when there are fewer than two groups, when the statistic is undefined in more than a tenth
        of the resamples, or when every resample gives the same value, which would pretend certainty.

    >>> rows = np.array([[1.0, 1.0], [0.0, 1.0]] * 50)
    >>> found = bootstrap(rows, lambda s: s[:, 0] / s[:, 1])
    >>> 0.38 < found.low < 0.42 and 0.58 < found.high < 0.62
    True
    """
    groups = len(sums)
    if groups < 2:
        return Interval(None, None, "none: fewer than two groups")
    values = np.concatenate([statistic(total) for total in _resampled(sums, seed, resamples)])
    if centre is not None and not np.isnan(values).all():
        values = np.maximum(values - (np.nanmean(values) - centre), 0.0)
    return percentiles(values, groups)


def percentiles(values: Floats, groups: int) -> Interval:
    """The interval from the values of the resamples; see :func:`bootstrap`."""
    defined = values[~np.isnan(values)]
    if defined.size < LEAST_DEFINED * values.size:
        return Interval(None, None, "none: undefined in many resamples")
    if not np.isfinite(defined).all():
        return Interval(None, None, "none: endless in some resamples")
    if np.ptp(defined) < 1e-12:
        return Interval(None, None, "none: every resample gives the same value")
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(float(low), float(high), f"bootstrap over {groups} groups")


def draws(groups: int, *, seed: int, resamples: int = RESAMPLES, width: int = 0) -> Iterator[Floats]:
    """Yield blocks ``(b, G)`` of how often each group comes in a resample.

    Blocks keep the memory flat; ``width`` is how many numbers a resample takes where it is more than ``G``.
    The draws do not depend on the size of the blocks.
    """
    rng = np.random.default_rng(seed)
    block = max(1, min(resamples, 1_000_000 // max(groups, width)))
    for start in range(0, resamples, block):
        b = min(block, resamples - start)
        picks = rng.integers(0, groups, size=(b, groups)) + np.arange(b)[:, None] * groups
        yield np.bincount(picks.ravel(), minlength=b * groups).reshape(b, groups).astype(np.float64)


def _resampled(sums: Floats, seed: int, resamples: int) -> Iterator[Floats]:
    """Yield resampled totals in blocks ``(b, M)``."""
    kinds, often = np.unique(sums, axis=0, return_counts=True)
    if len(kinds) * 4 <= len(sums):
        rng = np.random.default_rng(seed)
        yield rng.multinomial(len(sums), often / len(sums), size=resamples) @ kinds
        return
    for counts in draws(len(sums), seed=seed, resamples=resamples):
        yield counts @ sums


@dataclass(frozen=True, slots=True)
class Area:
    """The area under a ROC curve and what its variance is made of.

    Args:
        value: The share of pairs of a positive and a negative case that are in order; ties count half.
        positive: ``(m,)`` placement of each positive case among the negative ones.
        negative: ``(n,)`` placement of each negative case.
    """

    value: float
    positive: Floats
    negative: Floats


def area(truth: NDArray[np.bool_], score: Floats) -> Area:
    """The area under the ROC curve by ranks, in O(N log N) (Sun & Xu 2014).

    Args:
        truth: ``(N,)``, with at least one true and one false.
        score: ``(N,)``, higher for true.

    >>> area(np.array([False, True, True]), np.array([0.1, 0.1, 0.9])).value
    0.75
    """
    ranks = rankdata(score)
    m, n = int(truth.sum()), int((~truth).sum())
    positive = (ranks[truth] - rankdata(score[truth])) / n
    negative = 1.0 - (ranks[~truth] - rankdata(score[~truth])) / m
    return Area(float(positive.mean()), positive, negative)


def delong_variance(found: Area, truth: NDArray[np.bool_], owners: NDArray[np.intp]) -> float | None:
    """The variance of an area: DeLong (1988), and Obuchowski's form (1997) where groups repeat.

    Both are the same where every case is its own group. None where it cannot be estimated: fewer than two
    groups with a positive, or with a negative case.
    """
    m, n = found.positive.size, found.negative.size
    owners = np.unique(owners, return_inverse=True)[1]
    groups = int(owners.max()) + 1
    up = np.bincount(owners[truth], weights=found.positive - found.value, minlength=groups)
    down = np.bincount(owners[~truth], weights=found.negative - found.value, minlength=groups)
    with_up, with_down = np.unique(owners[truth]).size, np.unique(owners[~truth]).size
    if min(with_up, with_down) < 2:
        return None
    own = with_up / (with_up - 1) * float(up @ up) / m**2 + with_down / (with_down - 1) * float(down @ down) / n**2
    both = groups / (groups - 1) * float(up @ down) / (m * n)
    return max(0.0, own + 2 * both)


def on_logit(value: float, variance: float) -> tuple[float, float]:
    """The interval of an area inside (0, 1), symmetric on the logit scale so that it stays inside."""
    half = Z * math.sqrt(variance) / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def newcombe(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """The interval of an area whose variance cannot be estimated from the data (Newcombe 2006, method 5).

    A score interval on the variance that Hanley and McNeil derive from the area and the numbers of cases alone.
    Meant for complete separation, where DeLong's variance is 0 and its interval would be a point.

    >>> low, high = newcombe(1.0, 10, 10)
    >>> round(low, 2), high
    (0.8, 1.0)
    """
    half = (positives + negatives) / 2 - 1

    def distance(theta: float) -> float:
        spread = 1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta)
        return abs(theta - value) - Z * math.sqrt(theta * (1 - theta) * spread / (positives * negatives))

    low = 0.0 if value <= 0 else float(brentq(distance, 0.0, value - 1e-12)) if distance(value - 1e-12) < 0 else value
    high = 1.0 if value >= 1 else float(brentq(distance, value + 1e-12, 1.0)) if distance(value + 1e-12) < 0 else value
    return low, high
