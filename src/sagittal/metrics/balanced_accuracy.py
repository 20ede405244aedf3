"""Balanced accuracy: the mean of the classes' sensitivities."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._sums import ratio
from sagittal.metrics._tables import Counted, counted, macro
from sagittal.metrics.sensitivity import SENSITIVITY


def balanced_accuracy(answers: Answers) -> list[Score]:
    """The mean over the classes that the truth holds of the share of their cases that were found.

    One score (its ``label`` is empty), with a bootstrap interval over groups. Where a case may have several
    classes: of each class the mean of sensitivity and specificity, and their mean.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> balanced_accuracy(two_classes(hits=3, misses=1, alarms=1, rejections=1))[0].value
    0.625
    """
    answers.need("class", "classes")
    if answers.kind == "classes":
        return counted(answers, BOTH_SIDES)
    return [macro(answers, OVER_CLASSES, answers.against_rest())]


OVER_CLASSES = Counted(metric="balanced_accuracy", of=SENSITIVITY.of, why=SENSITIVITY.why, share=SENSITIVITY.share)
BOTH_SIDES = Counted(
    metric="balanced_accuracy",
    of=lambda c: np.mean([ratio(c[..., 0], c[..., 0] + c[..., 2]), ratio(c[..., 3], c[..., 1] + c[..., 3])], axis=0),
    why=lambda c, label: f"every case of the truth is {label}" if c[0] + c[2] else f"no case of {label} in the truth",
    convention="mean of sensitivity and specificity",
)
