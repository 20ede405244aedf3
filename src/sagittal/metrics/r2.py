"""Coefficient of determination: how much of the spread of the true values the answers explain."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed, ratio
from sagittal.metrics._values import each_value


def r2(answers: Answers) -> list[Score]:
    """One minus the squared error over the squared error of always answering the mean; a score a value.

    0 for the mean of these very cases, below 0 for worse. Bootstrap intervals over groups. Undefined when all true
    values are the same, and for a single case.

    Raises:
        UsageError: The answers are not values.

    >>> from sagittal.metrics._examples import values_of
    >>> r2(values_of([1.0, 2.0, 3.0], [1.0, 2.0, 2.0]))[0].value
    0.5
    """
    return each_value(answers, SCORE, _columns, has_unit=False)


def _columns(truth: Floats, said: Floats) -> Floats:
    # Around the mean of all cases, so that a far-away zero does not cost the digits of the spread.
    around = truth - truth.mean() if truth.size else truth
    return np.stack([(said - truth) ** 2, around**2, around, np.ones(len(truth))], axis=1)


def _of(totals: Floats) -> Floats:
    error, squares, sums, n = (totals[:, i] for i in range(4))
    spread = squares - ratio(sums**2, n)
    # What rounding leaves of a spread of nothing is no spread.
    return 1 - ratio(error, np.where(spread > 1e-12 * np.maximum(squares, 1e-300), spread, 0.0))


SCORE = Summed(metric="r2", of=_of, why="all true values are the same")
