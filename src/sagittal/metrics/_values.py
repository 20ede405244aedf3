"""Scores of measured values: what they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed


def each_value(answers: Answers, score: Summed, columns: Callable[[Floats, Floats], Floats], *, has_unit: bool = True) -> list[Score]:
    """The score of each value by itself; values are not averaged with one another.

    Args:
        answers: Answers that are values.
        score: What is computed of the sums.
        columns: From truth and answer ``(N,)`` of one value to what each case adds to the sums, ``(N, M)``.
        has_unit: Whether the score is in the values' own unit.

    Raises:
        UsageError: The answers are of another kind.
    """
    answers.need("value")
    own = replace(score, unit=answers.labels.unit or "1") if has_unit else score
    return [
        own.score(name, columns(answers.table[:, k], answers.said[:, k]), answers.owners, seed=answers.seed)
        for k, name in enumerate(answers.labels.classes)
    ]


def moments(difference: Floats) -> Floats:
    """``(N, 3)``: the difference, its square and a one a case."""
    return np.stack([difference, difference**2, np.ones(len(difference))], axis=1)
