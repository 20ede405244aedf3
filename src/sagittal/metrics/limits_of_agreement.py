"""Limits of agreement: how far single answers lie from the truth, bias left aside."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed, ratio
from sagittal.metrics._values import each_value, moments


def limits_of_agreement(answers: Answers) -> list[Score]:
    """1.96 standard deviations of answer minus truth, in the unit of the value (Bland & Altman 1986); a score a value.

    Where differences are normal, 95 % of them lie within the bias minus and plus this. Bootstrap intervals over
    groups. Undefined for a single case.

    Raises:
        UsageError: The answers are not values.

    >>> from sagittal.metrics._examples import values_of
    >>> round(limits_of_agreement(values_of([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]))[0].value, 2)
    1.96
    """
    return each_value(answers, SCORE, lambda truth, said: moments(said - truth))


def _of(totals: Floats) -> Floats:
    sums, squares, n = (totals[:, i] for i in range(3))
    return 1.96 * np.sqrt(ratio(np.maximum(squares - ratio(sums**2, n), 0), n - 1))


SCORE = Summed(
    metric="limits_of_agreement",
    of=_of,
    why="one case has no spread",
    higher_is_better=False,
    convention="half width: the differences lie within the bias and this, either way, for 95 % of the cases",
)
