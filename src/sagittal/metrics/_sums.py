"""Scores that are a function of sums over cases: one way from sums to value, interval and reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Score
from sagittal.metrics._intervals import Floats, Interval, Statistic, bootstrap, draws, group_sums, percentiles

NO_CASES = "no case with a known truth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Summed:
    """What a score of sums is.

    Args:
        metric: Its name.
        of: From totals ``(B, M)`` to values ``(B,)``; NaN where undefined.
        why: The reason when it is undefined although there are cases.
        higher_is_better: As of the score.
        convention: Which definition it is.
        unit: As of the score.
        centred: Resampling makes it larger by itself, so its interval is moved back onto the value, not below 0.
    """

    metric: str
    of: Statistic
    why: str = ""
    higher_is_better: bool = True
    convention: str = ""
    unit: str = "1"
    centred: bool = False

    def score(self, label: str, values: Floats, owners: NDArray[np.intp], *, seed: int = 0) -> Score:
        """The score of one class (or of all: the empty label), with a bootstrap interval over groups.

        Args:
            label: The class.
            values: ``(N, M)``: what each case adds to the totals.
            owners: ``(N,)`` group numbers.
            seed: Of the bootstrap.
        """
        if not len(values):
            return self.undefined(label, NO_CASES)
        value = float(self.of(values.sum(axis=0)[None])[0])
        if math.isnan(value):
            return self.undefined(label, self.why, n=len(values))
        interval = bootstrap(group_sums(values, owners), self.of, seed=seed, centre=value if self.centred else None)
        return self.defined(label, value, len(values), interval)

    def undefined(self, label: str, why: str, *, n: int = 0) -> Score:
        """The score without a value."""
        return Score(
            metric=self.metric,
            label=label,
            n=n,
            unit=self.unit,
            higher_is_better=self.higher_is_better,
            undefined=why,
            convention=self.convention,
        )

    def defined(self, label: str, value: float, n: int, interval: Interval) -> Score:
        """The score with a value."""
        return Score(
            metric=self.metric,
            label=label,
            value=value,
            low=interval.low,
            high=interval.high,
            n=n,
            unit=self.unit,
            higher_is_better=self.higher_is_better,
            convention=self.convention,
            method=interval.method,
        )


def over_classes(names: Sequence[str], held: Sequence[int], convention: str = "") -> str:
    """The convention of a mean over classes: how many, and which the truth does not hold.

    >>> over_classes(["a", "b", "c"], [0, 2])
    'mean over 2 classes; absent from the truth: b'
    """
    absent = [name for k, name in enumerate(names) if k not in held]
    text = f"mean over {len(held)} classes" + (f"; absent from the truth: {', '.join(absent)}" if absent else "")
    return f"{convention}; {text}" if convention else text


def mean(totals: Floats) -> Floats:
    """The first column over the second, NaN where that is 0: the statistic of a mean."""
    return ratio(totals[..., 0], totals[..., 1])


def ratio(hits: Floats, among: Floats) -> Floats:
    """``hits / among``, NaN where there is nothing to divide by."""
    out: Floats = np.divide(hits, among, out=np.full(np.broadcast(hits, among).shape, np.nan), where=among > 0)
    return out


def counted_once(values: NDArray[np.generic]) -> Floats:
    """``(N, 2)``: the values, and a one a case, for :func:`mean`."""
    return np.stack([values.astype(np.float64), np.ones(len(values))], axis=1)


def weighted(owners: NDArray[np.intp], statistic: Callable[[Floats], Floats], *, seed: int) -> Callable[[Sequence[int]], Interval]:
    """Resample cases by their groups, for statistics that are no function of sums.

    Args:
        owners: ``(N,)`` group numbers.
        statistic: From the weights of the cases ``(B, N)`` to values ``(B, K)``, NaN where undefined.
        seed: Of the resampling.

    Returns:
        A function from columns of these values to the interval of their mean; a column that a resample leaves
        undefined is left out of that resample.
    """
    groups = int(owners.max()) + 1 if owners.size else 0
    if groups < 2:
        return lambda _: Interval(None, None, "none: fewer than two groups")
    # Blocks are sized by cases, not groups, so that a few groups of many cases stay within the memory, too.
    values = np.concatenate([statistic(counts[:, owners]) for counts in draws(groups, seed=seed, width=len(owners))])

    def interval(columns: Sequence[int]) -> Interval:
        chosen = values[:, list(columns)]
        defined = ~np.isnan(chosen)
        return percentiles(ratio(np.nansum(chosen, axis=1), defined.sum(axis=1).astype(np.float64)), groups)

    return interval
