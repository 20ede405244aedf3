"""Sensitivity (recall): the share of the cases of a class that were answered as this class."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import ratio
from sagittal.metrics._tables import Counted, counted


def sensitivity(answers: Answers) -> list[Score]:
    """The share of the cases of each class that were found, with a Wilson interval.

    Where two classes are asked and one is positive, the score of the positive class alone; else the mean over
    the classes that the truth holds (its ``label`` is empty), then each class against the rest. The interval
    is a bootstrap over groups where a group has several cases. Undefined for a class without a case in the truth.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> [s.text() for s in sensitivity(two_classes(hits=89, misses=153))]
    ['0.368 (0.310 to 0.430)']
    """
    return counted(answers, SENSITIVITY)


SENSITIVITY = Counted(
    metric="sensitivity",
    of=lambda c: ratio(c[..., 0], c[..., 0] + c[..., 2]),
    why=lambda _, label: f"no case of {label} in the truth",
    share=lambda c: np.stack([c[..., 0], c[..., 0] + c[..., 2]], axis=-1),
)
