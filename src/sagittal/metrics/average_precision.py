"""Average precision: the area under the precision-recall curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers, OneClass
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import NO_CASES, Summed, over_classes, ratio, weighted


def average_precision(answers: Answers) -> list[Score]:
    """The mean of the precisions at each true case, cases ordered by score; not interpolated, ties taken together.

    A model that does not look at the cases reaches the share of the class. Classes and the macro score are treated as
    in :func:`~sagittal.metrics.sensitivity.sensitivity`; bootstrap intervals over groups. Undefined for a class
    that the truth does not hold.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import answers_of
    >>> scores = [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]]
    >>> round(average_precision(answers_of([0, 0, 1, 1], scores, classes=("no", "yes"), positive="yes"))[0].value, 3)
    0.833
    """
    each = answers.each_class()
    owners = answers.known().owners
    n = len(owners)
    curves = [precision_of(one) for one in each]
    held = [k for k, one in enumerate(each) if one.truth.any()]
    values = np.array([curve(np.ones((1, n)))[0] for curve in curves])
    interval = weighted(owners, lambda w: np.stack([curve(w) for curve in curves], axis=1), seed=answers.seed)
    found = [
        SCORE.defined(one.label, float(values[k]), n, interval([k]))
        if k in held
        else SCORE.undefined(one.label, f"no case of {one.label} in the truth" if n else NO_CASES, n=n)
        for k, one in enumerate(each)
    ]
    if len(each) < 2:
        return found
    macro = replace(SCORE, convention=over_classes([one.label for one in each], held, SCORE.convention))
    if not held:
        return [macro.undefined("", NO_CASES), *found]
    return [macro.defined("", float(values[held].mean()), n, interval(held)), *found]


def precision_of(one: OneClass) -> Callable[[Floats], Floats]:
    """A function from weights of the cases ``(B, n)`` to average precisions ``(B,)``; NaN without a true case."""
    order = np.argsort(-one.score, kind="stable")
    truth = one.truth[order].astype(np.float64)
    last = np.flatnonzero(np.diff(one.score[order], append=np.nan) != 0)

    def area(weights: Floats) -> Floats:
        sorted_weights = weights[:, order]
        hits = np.cumsum(sorted_weights * truth, axis=1)[:, last]
        answered = np.cumsum(sorted_weights, axis=1)[:, last]
        if not last.size:
            return np.full(len(weights), np.nan)
        precision = np.divide(hits, answered, out=np.zeros_like(hits), where=answered > 0)
        gained = np.diff(hits, axis=1, prepend=0)
        return ratio((gained * precision).sum(axis=1), hits[:, -1])

    return area


SCORE = Summed(metric="average_precision", of=lambda totals: totals[:, 0], convention="not interpolated")
