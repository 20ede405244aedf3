"""Root mean squared error of measured values."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import Summed, counted_once, mean
from sagittal.metrics._values import each_value


def rmse(answers: Answers) -> list[Score]:
    """The root of the mean squared distance of answer and truth, in the unit of the value; a score a value.

    Bootstrap intervals over groups.

    Raises:
        UsageError: The answers are not values.

    >>> from sagittal.metrics._examples import values_of
    >>> rmse(values_of([1.0, 2.0], [2.0, 9.0]))[0].value
    5.0
    """
    return each_value(answers, SCORE, lambda truth, said: counted_once((said - truth) ** 2))


SCORE = Summed(metric="rmse", of=lambda totals: np.sqrt(mean(totals)), higher_is_better=False)
