"""Specificity: the share of the cases without a class that were not answered as this class."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import ratio
from sagittal.metrics._tables import Counted, counted


def specificity(answers: Answers) -> list[Score]:
    """The share of the cases outside each class that were left outside, with a Wilson interval.

    Classes, the macro score and groups are treated as in :func:`~sagittal.metrics.sensitivity.sensitivity`.
    Undefined for a class that every case of the truth has.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> specificity(two_classes(hits=5, misses=5))[0].undefined
    'every case of the truth is ill'
    """
    return counted(answers, SPECIFICITY)


SPECIFICITY = Counted(
    metric="specificity",
    of=lambda c: ratio(c[..., 3], c[..., 1] + c[..., 3]),
    why=lambda _, label: f"every case of the truth is {label}",
    share=lambda c: np.stack([c[..., 3], c[..., 1] + c[..., 3]], axis=-1),
)
