"""Mean absolute error of measured values."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import Summed, counted_once, mean
from sagittal.metrics._values import each_value


def mae(answers: Answers) -> list[Score]:
    """The mean distance of answer and truth, in the unit of the value; a score a value, bootstrap intervals over groups.

    Raises:
        UsageError: The answers are not values.

    >>> from sagittal.metrics._examples import values_of
    >>> mae(values_of([1.0, 2.0, 4.0], [1.0, 3.0, 2.0]))[0].value
    1.0
    """
    return each_value(answers, SCORE, lambda truth, said: counted_once(np.abs(said - truth)))


SCORE = Summed(metric="mae", of=mean, higher_is_better=False)
