"""F1: the harmonic mean of positive predictive value and sensitivity."""

from __future__ import annotations

import math

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import ratio
from sagittal.metrics._tables import Counted, counted


def f1(answers: Answers) -> list[Score]:
    """``2 TP / (2 TP + FP + FN)`` of each class against the rest, with a bootstrap interval over groups.

    Classes, the macro score and groups are treated as in :func:`~sagittal.metrics.sensitivity.sensitivity`.
    Undefined for a class without a case in the truth; 0, not undefined, for one that was never answered.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> round(f1(two_classes(hits=6, misses=2, alarms=2, rejections=90))[0].value, 3)
    0.75
    """
    return counted(answers, F1)


F1 = Counted(
    metric="f1",
    of=lambda c: np.where(c[..., 0] + c[..., 2] > 0, ratio(2 * c[..., 0], 2 * c[..., 0] + c[..., 1] + c[..., 2]), math.nan),
    why=lambda _, label: f"no case of {label} in the truth",
)
