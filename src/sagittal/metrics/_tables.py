"""Scores that follow from counting true and false positives and negatives, a class at a time and macro."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Score
from sagittal.metrics._answers import Answers, OneClass
from sagittal.metrics._intervals import Floats, Interval, bootstrap, group_sums, wilson
from sagittal.metrics._sums import NO_CASES, mean, over_classes, ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A score that is a function of the four counts.

    Args:
        metric: Its name.
        of: From counts ``(..., 4)`` (true positive, false positive, false negative, true negative) to values
            ``(...)``; NaN where undefined.
        why: From four counts and a class to the reason why it is undefined; only asked when ``of`` gives NaN.
        share: From counts to ``(..., 2)``, hits and cases, when the score is a proportion.
        convention: Which definition it is.
    """

    metric: str
    of: Callable[[Floats], Floats]
    why: Callable[[Floats, str], str]
    share: Callable[[Floats], Floats] | None = None
    convention: str = ""


def counted(answers: Answers, score: Counted) -> list[Score]:
    """The macro score (where there are several classes), then one for each class."""
    each = answers.each_class()
    owners = answers.known().owners
    found = [_one(score, one, owners, answers.seed) for one in each]
    return found if len(each) < 2 else [macro(answers, score, each), *found]


def _one(score: Counted, one: OneClass, owners: NDArray[np.intp], seed: int) -> Score:
    counts = one.counts()
    total = counts.sum(axis=0)
    n = int(total.sum()) if score.share is None else int(score.share(total)[1])
    value = float(score.of(total))
    if math.isnan(value):
        why = NO_CASES if not total.any() else score.why(total, one.label)
        return Score(metric=score.metric, label=one.label, n=n, undefined=why, convention=score.convention)
    if score.share is not None:
        interval = share_interval(score.share(counts), owners, seed=seed)
    else:
        interval = bootstrap(group_sums(counts, owners), score.of, seed=seed)
    return _score(score, one.label, value, n, interval)


def macro(answers: Answers, score: Counted, each: list[OneClass]) -> Score:
    """The mean over the classes that the truth holds.

    A class that the truth does not hold says nothing of the model and is left out, by name. A class that it
    holds but whose score is undefined makes the mean undefined: leaving it out would reward never answering it.
    """
    held = [i for i, one in enumerate(each) if one.truth.any()]
    convention = over_classes([one.label for one in each], held, score.convention)
    owners = answers.known().owners
    totals = [each[i].counts().sum(axis=0) for i in held]
    values = [float(score.of(total)) for total in totals]
    missing = [i for i, value in enumerate(values) if math.isnan(value)]
    if missing or not held:
        label = each[held[missing[0]]].label if missing else ""
        why = f"undefined for {label}: {score.why(totals[missing[0]], label)}" if missing else NO_CASES
        return Score(metric=score.metric, n=len(owners), undefined=why, convention=convention)
    interval = _macro_interval(score, [each[i] for i in held], owners, answers.seed)
    value = float(np.mean(values))
    return Score(
        metric=score.metric, value=value, low=interval.low, high=interval.high, n=len(owners), convention=convention, method=interval.method
    )


def _macro_interval(score: Counted, each: list[OneClass], owners: NDArray[np.intp], seed: int) -> Interval:
    columns = np.concatenate([one.counts() for one in each], axis=1)

    def of_classes(totals: Floats) -> Floats:
        # A class that a resample happens to miss is left out of that resample, as it would be of a data set.
        parts = score.of(totals.reshape(len(totals), len(each), 4))
        return ratio(np.nansum(parts, axis=1), (~np.isnan(parts)).sum(axis=1).astype(float))

    interval = bootstrap(group_sums(columns, owners), of_classes, seed=seed)
    if interval.low is not None or score.share is None:
        return interval
    return _combined([_one(score, one, owners, seed) for one in each])


def _combined(parts: list[Score]) -> Interval:
    """The interval of a mean of independent proportions from their own (MOVER, Zou & Donner 2008)."""
    if any(s.low is None for s in parts):
        return Interval(None, None, "none: a class has no interval")
    values = np.array([(s.value, s.low, s.high) for s in parts], dtype=np.float64)
    middle = values[:, 0].mean()
    down = math.sqrt(((values[:, 0] - values[:, 1]) ** 2).sum()) / len(parts)
    up = math.sqrt(((values[:, 2] - values[:, 0]) ** 2).sum()) / len(parts)
    return Interval(max(0.0, middle - down), min(1.0, middle + up), "wilson, combined over classes")


def _score(score: Counted, label: str, value: float, n: int, interval: Interval) -> Score:
    return Score(
        metric=score.metric,
        label=label,
        value=value,
        low=interval.low,
        high=interval.high,
        n=n,
        convention=score.convention,
        method=interval.method,
    )


def share_score(metric: str, answers: Answers, label: str, counts: Floats, *, convention: str = "") -> Score:
    """A proportion of cases as a score; undefined where no case counts.

    Args:
        metric: Its name.
        answers: Known cases only.
        label: The class it speaks of.
        counts: ``(N, 2)``: a one in the first column where the case hits, in the second where it counts.
        convention: Which definition it is.
    """
    hits, n = (int(v) for v in counts.sum(axis=0))
    if not n:
        why = f"no case of {label} in the truth" if label and answers.n else NO_CASES
        return Score(metric=metric, label=label, undefined=why, convention=convention)
    interval = share_interval(counts, answers.owners, seed=answers.seed)
    return Score(
        metric=metric,
        label=label,
        value=hits / n,
        low=interval.low,
        high=interval.high,
        n=n,
        convention=convention,
        method=interval.method,
    )


def share_interval(counts: Floats, owners: NDArray[np.intp], *, seed: int) -> Interval:
    """The interval of a proportion: Wilson, or the bootstrap over groups where groups repeat.

    Args:
        counts: ``(N, 2)``: a one in the first column where the case hits, in the second where it counts.
        owners: ``(N,)`` group numbers.
        seed: Of the bootstrap.

    Where every or no case hits the bootstrap would give a point; Wilson's interval on the number of groups,
    as if each group told as much as one case, is given instead.
    """
    kept = counts[:, 1] > 0
    counts, owners = counts[kept], np.unique(owners[kept], return_inverse=True)[1]
    hits, n = (float(v) for v in counts.sum(axis=0))
    groups = int(owners.max()) + 1
    if groups == len(owners):
        return Interval(*wilson(hits, n), "wilson")
    found = bootstrap(group_sums(counts, owners), mean, seed=seed)
    if found.low is not None:
        return found
    return Interval(*wilson(hits / n * groups, groups), f"wilson on {groups} groups")
