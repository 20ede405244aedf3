"""Which class was answered how often for which: the table, and scores that need all of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats, bootstrap
from sagittal.metrics._sums import NO_CASES, Summed


def confusion(answers: Answers) -> dict[str, object]:
    """The table of answers, JSON-ready: ``classes``, and ``counts`` whose rows are the truth, columns the answer.

    Only for one class a case.

    Raises:
        UsageError: The answers are of another kind.

    >>> from sagittal.metrics._examples import two_classes
    >>> confusion(two_classes(hits=4, misses=1, alarms=2, rejections=3))
    {'classes': ['healthy', 'ill'], 'counts': [[3, 2], [1, 4]]}
    """
    answers.need("class")
    known, k = answers.known(), len(answers.labels)
    counts = np.bincount(known.table * k + known.said, minlength=k * k).reshape(k, k)
    return {"classes": list(answers.labels.classes), "counts": counts.tolist()}


def all_at_once(answers: Answers, score: Summed, of: Callable[[Floats, Floats, Floats, Floats], Floats]) -> Score:
    """A score of the whole table, with a bootstrap interval over groups.

    Args:
        answers: One class a case.
        score: Its name, convention and reason; its own ``of`` is not used.
        of: From the number of cases ``(B,)``, of right answers ``(B,)``, and of cases a class in the truth and in
            the answers, ``(B, K)`` each, to values ``(B,)``.
    """
    known, k = answers.known(), len(answers.labels)
    if not known.n:
        return score.undefined("", NO_CASES)
    # Only the cells of the table that occur: there may be many classes.
    cells, place = np.unique(known.table * k + known.said, return_inverse=True)
    truth, said = np.eye(k)[cells // k], np.eye(k)[cells % k]
    right = (cells // k == cells % k).astype(np.float64)

    def statistic(totals: Floats) -> Floats:
        return of(totals.sum(axis=1), totals @ right, totals @ truth, totals @ said)

    value = float(statistic(np.bincount(place, minlength=len(cells))[None].astype(np.float64))[0])
    if math.isnan(value):
        return score.undefined("", score.why, n=known.n)
    interval = bootstrap(_cells_of_groups(place, known.owners, len(cells)), statistic, seed=known.seed)
    return score.defined("", value, known.n, interval)


def _cells_of_groups(place: NDArray[np.intp], owners: NDArray[np.intp], cells: int) -> Floats:
    """``(G, cells)``: how many cases of each group are in each cell."""
    groups = int(owners.max()) + 1
    return np.bincount(owners * cells + place, minlength=groups * cells).reshape(groups, cells).astype(np.float64)
