"""From scores of single cases to scores of the set: means or medians, with intervals over patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._case import ADDED, MISSED, CaseMetric, Kind
from sagittal.metrics._intervals import Floats, Interval
from sagittal.metrics._sums import Summed, over_classes, ratio, weighted

Row = Mapping[str, float | str]
PATIENT: Mapping[Kind, str] = {"1": "1", "length": "mm", "volume": "ml"}


def summarise(
    metric: CaseMetric,
    rows: Sequence[Row],
    groups: Sequence[str],
    rng: np.random.Generator,
    *,
    units: Mapping[Kind, str] = PATIENT,
    each: str = "case",
) -> list[Score]:
    """The mean over classes (where there are several; its ``label`` is empty), then the score of each class.

    Every case counts the same; the interval is a bootstrap over groups, n is the number of cases with a value.
    A case whose truth does not hold the class has none. A missed structure counts as 0 for an overlap and as
    endlessly far for a distance, which is why distances are summarised by their median: leaving missed structures
    out would make a score better by missing more. Where most are missed the median is undefined.

    Args:
        metric: What was measured.
        rows: A case each: from class to value, or to the reason why there is none.
        groups: Whose each case is; empty where not known.
        rng: For the bootstrap.
        units: Of ratios, lengths and volumes in the grids' world.
        each: What a row is.

    Raises:
        ValueError: As many groups as rows are needed.

    >>> from sagittal.metrics.dice import dice
    >>> rows = [{"tumour": 0.8}, {"tumour": 0.9}, {"tumour": "absent from the truth and from the answer"}]
    >>> found = summarise(dice(), rows, ["", "", ""], np.random.default_rng(0))
    >>> found[0].label, round(found[0].value, 2), found[0].n
    ('tumour', 0.85, 2)
    """
    if len(rows) != len(groups):
        raise ValueError(f"{len(rows)} rows and {len(groups)} groups")
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[_number(row.get(name)) for name in names] for row in rows], dtype=np.float64).reshape(len(rows), len(names))
    whose = [f"g:{g}" if g else f"c:{i}" for i, g in enumerate(groups)]
    owners = np.unique(whose, return_inverse=True)[1].reshape(-1)
    of = _means if metric.summary == "mean" else _medians
    values = of(table, np.ones((1, len(rows))))[0] if len(rows) else np.zeros(len(names))
    interval = weighted(owners, lambda w: of(table, w), seed=int(rng.integers(2**63)))
    score = Summed(
        metric=metric.name,
        of=lambda totals: totals[:, 0],
        higher_is_better=metric.higher_is_better,
        unit=units[metric.unit],
        convention=f"{metric.convention}; {metric.summary} over {each}s",
    )
    found, held = [], []
    for k, name in enumerate(names):
        said = Counter(str(row[name]) for row in rows if isinstance(row.get(name), str))
        n = int((~np.isnan(table[:, k])).sum())
        if n:
            held.append(k)
        why = f"missed in {said[MISSED]} of {n} {each}s" if n else _most(said, each)
        found.append(_score(replace(score, convention=_counted(score.convention, said, each)), name, values[k], n, interval([k]), why))
    if len(names) < 2:
        return found
    whole = replace(score, convention=over_classes(names, held, score.convention))
    bad = [found[k] for k in held if found[k].value is None]
    why = f"undefined for {bad[0].label}: {bad[0].undefined}" if bad else f"no {each} with a value"
    mean = float(np.mean(values[held])) if held else np.nan
    return [_score(whole, "", mean, len(rows), interval(held) if held else NOTHING, why), *found]


def _score(score: Summed, label: str, value: float, n: int, interval: Interval, why: str) -> Score:
    return score.defined(label, float(value), n, interval) if np.isfinite(value) else score.undefined(label, why, n=n)


def _number(value: float | str | None) -> float:
    """NaN where a case has no value; infinity where the structure was missed and there is no distance to it."""
    if isinstance(value, str):
        return np.inf if value == MISSED else np.nan
    return np.nan if value is None else float(value)


def _counted(convention: str, said: Counter[str], each: str) -> str:
    """The convention with how often the structure was missed, or drawn where there is none: a mean does not show it."""
    notes = [f"{said[MISSED]} missed"] if said[MISSED] else []
    notes += [f"{said[ADDED]} {each}s without it are left out in which the answer has it"] if said[ADDED] else []
    return "; ".join([convention, *notes])


def _most(said: Counter[str], each: str) -> str:
    """The most common of the reasons why no case has a value."""
    return (
        f"{said.most_common(1)[0][0]}, in all {each}s"
        if len(said) == 1
        else "; ".join(f"{r} ({n})" for r, n in said.most_common()) or f"no {each}"
    )


def _means(table: Floats, weights: Floats) -> Floats:
    """Weighted means of the columns ``(B, K)``, cases without a value left out."""
    has = ~np.isnan(table)
    return ratio(weights @ np.where(has, table, 0.0), weights @ has)


def _medians(table: Floats, weights: Floats) -> Floats:
    """Weighted medians of the columns ``(B, K)``, cases without a value left out; endless where half are endless."""
    found = np.full((len(weights), table.shape[1]), np.nan)
    for k, column in enumerate(table.T):
        order = np.argsort(column, kind="stable")[: int((~np.isnan(column)).sum())]
        if not order.size:
            continue
        upto = np.cumsum(weights[:, order], axis=1)
        half = upto[:, -1:] / 2
        low, high = (upto >= half).argmax(axis=1), (upto > half).argmax(axis=1)
        middle = (column[order][low] + column[order][high]) / 2
        found[:, k] = np.where(half[:, 0] > 0, middle, np.nan)
    return found


NOTHING = Interval(None, None, "")
