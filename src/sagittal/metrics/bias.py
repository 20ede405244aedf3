"""Bias of measured values: how much the answers are too high on average."""

from __future__ import annotations

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import Summed, counted_once, mean
from sagittal.metrics._values import each_value


def bias(answers: Answers) -> list[Score]:
    """The mean of answer minus truth, in the unit of the value: above 0 the answers are too high; a score a value.

    Errors cancel each other, so that 0 does not mean that the answers are good; read it beside
    :func:`~sagittal.metrics.limits_of_agreement.limits_of_agreement`. Bootstrap intervals over groups.

    Raises:
        UsageError: The answers are not values.

    >>> from sagittal.metrics._examples import values_of
    >>> bias(values_of([1.0, 2.0], [2.0, 1.5]))[0].value
    0.25
    """
    return each_value(answers, SCORE, lambda truth, said: counted_once(said - truth))


SCORE = Summed(metric="bias", of=mean, higher_is_better=False, convention="answer minus truth; closer to 0 is better")
