"""Expected calibration error: how far probabilities are from shares of right answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats
from sagittal.metrics._probabilities import NOT_PROBABILITIES, are_probabilities
from sagittal.metrics._reliability import BINS, bin_sums, error_of_sums
from sagittal.metrics._sums import Summed


def ece(answers: Answers) -> list[Score]:
    """The mean gap between confidence and share of right answers over 15 bins of equal width; 0 is perfect.

    First of the answers (the probability of the most probable class against its being right; its ``label`` is empty),
    then of each class's probability against the rest. Where a case may have several classes: the mean over classes, then each.
    Few cases make it look worse than it is, because every bin is off by chance; so do resamples, therefore the
    bootstrap interval over groups is moved back by the mean of what the resampling adds.
    Undefined when the scores are not probabilities.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> round(ece(two_classes(hits=9, misses=1))[0].value, 3)
    0.1
    """
    each = answers.each_class()
    known = answers.known()
    if not are_probabilities(known):
        return [SCORE.undefined("", NOT_PROBABILITIES, n=known.n)]
    columns = [bin_sums(one.score, one.truth) for one in each]
    owners, seed = known.owners, known.seed
    found = [SCORE.score(one.label, values, owners, seed=seed) for one, values in zip(each, columns, strict=True)]
    if known.kind == "class":
        top = known.scores.argmax(axis=1) if known.n else np.zeros(0, dtype=int)
        sure = known.scores[np.arange(known.n), top]
        overall = replace(SCORE, convention=f"most probable class, {BINS} bins")
        return [overall.score("", bin_sums(sure, top == known.table), owners, seed=seed), *found]
    if len(each) < 2:
        return found
    overall = replace(SCORE, of=_mean_over_classes, convention=f"mean over {len(each)} classes, {BINS} bins")
    return [overall.score("", np.concatenate(columns, axis=1), owners, seed=seed), *found]


def _mean_over_classes(totals: Floats) -> Floats:
    mean: Floats = error_of_sums(totals.reshape(len(totals), -1, 2 * BINS)).mean(axis=1)
    return mean


SCORE = Summed(metric="ece", of=error_of_sums, higher_is_better=False, centred=True, convention=f"one class against the rest, {BINS} bins")
