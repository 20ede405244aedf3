"""Brier score: the mean squared error of probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._probabilities import NOT_PROBABILITIES, are_probabilities
from sagittal.metrics._sums import Summed, counted_once, mean


def brier(answers: Answers) -> list[Score]:
    """The mean over cases of the squared distance between probabilities and truth; 0 is perfect.

    Of two classes with a positive one: of its probability alone, from 0 to 1. Of several classes that exclude each
    other: first the sum over classes (Brier 1950; from 0 to 2, its ``label`` is empty), then of each class against the
    rest, from 0 to 1. Where a case may have several classes: the mean over classes, then each. Bootstrap intervals over
    groups. Undefined when the scores are not probabilities.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> round(brier(two_classes(hits=9, misses=1))[0].value, 3)
    0.1
    """
    each = answers.each_class()
    known = answers.known()
    if not are_probabilities(known):
        return [SCORE.undefined("" if len(each) > 1 else each[0].label, NOT_PROBABILITIES, n=known.n)]
    errors = np.stack([(one.score - one.truth) ** 2 for one in each], axis=1)
    found = [SCORE.score(one.label, counted_once(errors[:, k]), known.owners, seed=known.seed) for k, one in enumerate(each)]
    if len(each) < 2:
        return found
    whole = errors.sum(axis=1) if known.kind == "class" else errors.mean(axis=1)
    convention = "sum over classes, 0 to 2" if known.kind == "class" else f"mean over {len(each)} classes"
    overall = replace(SCORE, convention=convention).score("", counted_once(whole), known.owners, seed=known.seed)
    return [overall, *found]


SCORE = Summed(metric="brier", of=mean, higher_is_better=False, convention="one class against the rest, 0 to 1")
