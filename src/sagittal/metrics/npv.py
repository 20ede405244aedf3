"""Negative predictive value: the share of the answers outside a class that were right."""

from __future__ import annotations

import math

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import ratio
from sagittal.metrics._tables import Counted, counted


def npv(answers: Answers) -> list[Score]:
    """The share of the answers outside each class that were right, with a Wilson interval.

    It depends on how common the class is among the cases. Classes, the macro score and groups are treated as in
    :func:`~sagittal.metrics.sensitivity.sensitivity`. Undefined for a class that was always answered, or that the
    truth does not hold (it would be 1 without any merit).

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> npv(two_classes(hits=3, misses=1, rejections=3))[0].value
    0.75
    """
    return counted(answers, NPV)


NPV = Counted(
    metric="npv",
    of=lambda c: np.where(c[..., 0] + c[..., 2] > 0, ratio(c[..., 3], c[..., 2] + c[..., 3]), math.nan),
    why=lambda c, label: f"every case was answered {label}" if c[0] + c[2] else f"no case of {label} in the truth",
    share=lambda c: np.stack([c[..., 3], c[..., 2] + c[..., 3]], axis=-1),
)
