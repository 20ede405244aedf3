"""AUC: the area under the ROC curve, with DeLong's interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Score
from sagittal.metrics._answers import Answers, OneClass
from sagittal.metrics._intervals import Area, Interval, area, delong_variance, newcombe, on_logit
from sagittal.metrics._sums import NO_CASES, over_classes


def auc(answers: Answers) -> list[Score]:
    """The chance that a case of the class scores higher than one outside it; ties count half.

    Classes and the macro score are treated as in :func:`~sagittal.metrics.sensitivity.sensitivity`: each class
    against the rest by its own score. The interval is DeLong's (1988), by ranks, on the logit scale, where its
    coverage near 1 is better than on the plain one; where a group has several cases, Obuchowski's (1997). Where
    the classes are apart completely that variance is 0, and Newcombe's (2006) interval is given instead; for the macro score
    the means of the classes' bounds, which is too wide rather than too narrow.
    Undefined for a class when the truth holds no case of it, or nothing else.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import answers_of
    >>> found = auc(answers_of([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], classes=("no", "yes"), positive="yes"))
    >>> found[0].label, found[0].value
    ('yes', 0.75)
    """
    each = answers.each_class()
    owners = answers.known().owners
    areas = [area(one.truth, one.score) if one.truth.any() and not one.truth.all() else None for one in each]
    found = [_one(one, part, owners) for one, part in zip(each, areas, strict=True)]
    return found if len(each) < 2 else [_macro(each, areas, owners), *found]


def _one(one: OneClass, part: Area | None, owners: NDArray[np.intp]) -> Score:
    n = len(owners)
    if part is None:
        why = (f"every case of the truth is {one.label}" if one.truth.any() else f"no case of {one.label} in the truth") if n else NO_CASES
        return Score(metric="auc", label=one.label, n=n, undefined=why)
    interval = _interval(part, one.truth, owners)
    return Score(metric="auc", label=one.label, value=part.value, low=interval.low, high=interval.high, n=n, method=interval.method)


def _interval(part: Area, truth: NDArray[np.bool_], owners: NDArray[np.intp]) -> Interval:
    groups = np.unique(owners).size
    variance = delong_variance(part, truth, owners)
    if variance and 0 < part.value < 1:
        return Interval(*on_logit(part.value, variance), "delong" if groups == len(owners) else f"delong over {groups} groups")
    up, down = np.unique(owners[truth]).size, np.unique(owners[~truth]).size
    return Interval(*newcombe(part.value, up, down), "newcombe")


def _macro(each: list[OneClass], areas: list[Area | None], owners: NDArray[np.intp]) -> Score:
    """The mean over the classes of the truth; its variance from the sum of what each case adds to every class's area."""
    held = [i for i, part in enumerate(areas) if part is not None]
    parts = [(each[i].truth, part) for i, part in enumerate(areas) if part is not None]
    convention = over_classes([one.label for one in each], held, "each class against the rest")
    n = len(owners)
    if not parts:
        return Score(metric="auc", n=n, undefined="fewer than two classes in the truth" if n else NO_CASES, convention=convention)
    value = float(np.mean([part.value for _, part in parts]))
    influence = np.zeros(n)
    for truth, part in parts:
        influence[truth] += (part.positive - part.value) / (part.positive.size * len(parts))
        influence[~truth] += (part.negative - part.value) / (part.negative.size * len(parts))
    sums = np.bincount(owners, weights=influence)
    variance = float(sums @ sums) * sums.size / max(sums.size - 1, 1)
    if not (variance > 0 and 0 < value < 1):
        bounds = [_interval(part, truth, owners) for truth, part in parts]
        low, high = (float(np.mean([getattr(bound, end) for bound in bounds])) for end in ("low", "high"))
        return Score(metric="auc", value=value, low=low, high=high, n=n, convention=convention, method="newcombe, mean over classes")
    low, high = on_logit(value, variance)
    method = "delong over classes" if sums.size == n else f"delong over classes and {sums.size} groups"
    return Score(metric="auc", value=value, low=low, high=high, n=n, convention=convention, method=method)
