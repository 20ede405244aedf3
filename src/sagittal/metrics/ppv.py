"""Positive predictive value (precision): the share of the answers of a class that were right."""

from __future__ import annotations

import math

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import ratio
from sagittal.metrics._tables import Counted, counted


def ppv(answers: Answers) -> list[Score]:
    """The share of the answers of each class that were right, with a Wilson interval.

    It depends on how common the class is among the cases. Classes, the macro score and groups are treated as in
    :func:`~sagittal.metrics.sensitivity.sensitivity`. Undefined for a class that was never answered, or that the
    truth does not hold; the macro score is undefined when a class of the truth was never answered.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> ppv(two_classes(hits=3, alarms=1, rejections=5))[0].value
    0.75
    >>> ppv(two_classes(misses=3, rejections=5))[0].undefined
    'no case was answered ill'
    """
    return counted(answers, PPV)


PPV = Counted(
    metric="ppv",
    of=lambda c: np.where(c[..., 0] + c[..., 2] > 0, ratio(c[..., 0], c[..., 0] + c[..., 1]), math.nan),
    why=lambda c, label: f"no case was answered {label}" if c[0] + c[2] else f"no case of {label} in the truth",
    share=lambda c: np.stack([c[..., 0], c[..., 0] + c[..., 1]], axis=-1),
)
