"""What the scores of probabilities share: whether they are any, and their rows."""

from __future__ import annotations

import numpy as np

from sagittal.metrics._answers import Answers

NOT_PROBABILITIES = "the scores are not probabilities"


def are_probabilities(answers: Answers) -> bool:
    """Whether all scores lie in 0..1 and, where one class a case is asked, add up to 1 (within a thousandth)."""
    scores = answers.scores
    if scores.size and (scores.min() < -1e-6 or scores.max() > 1 + 1e-6):
        return False
    return answers.kind != "class" or bool((np.abs(scores.sum(axis=1) - 1) < 1e-3).all())
