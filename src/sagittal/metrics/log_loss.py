"""Log loss: how surprised the probabilities are by the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats
from sagittal.metrics._probabilities import NOT_PROBABILITIES, are_probabilities
from sagittal.metrics._sums import Summed, counted_once, mean


def log_loss(answers: Answers) -> list[Score]:
    """The mean of minus the logarithm of the probability of what is true, in nats; 0 is perfect.

    First over all cases (its ``label`` is empty), then among the cases of each class. Where a case may have several
    classes: the mean over classes, then of each class having it or not. A probability of 0 counts as 2.2e-16, as in
    scikit-learn. Bootstrap intervals over groups. Undefined when the scores are not probabilities, and among the cases of a
    class that the truth does not hold.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> round(log_loss(two_classes(hits=1, misses=1))[0].value, 3)
    0.916
    """
    answers.need("class", "classes")
    known = answers.known()
    if not are_probabilities(known):
        return [SCORE.undefined("", NOT_PROBABILITIES, n=known.n)]
    if known.kind == "classes":
        losses = _nats(np.where(known.table, known.scores, 1 - known.scores))
        overall = replace(SCORE, convention=f"mean over {len(known.labels)} classes")
        found = [overall.score("", counted_once(losses.mean(axis=1)), known.owners, seed=known.seed)] if len(known.labels) > 1 else []
        each = replace(SCORE, convention="has the class or not")
        parts = enumerate(known.labels.classes)
        return found + [each.score(name, counted_once(losses[:, k]), known.owners, seed=known.seed) for k, name in parts]
    loss = _nats(known.scores[np.arange(known.n), known.table])
    found = [SCORE.score("", counted_once(loss), known.owners, seed=known.seed)]
    for k, name in enumerate(known.labels.classes):
        these = np.flatnonzero(known.table == k)
        owners = np.unique(known.owners[these], return_inverse=True)[1]
        among = replace(SCORE, convention="among the cases of the class")
        part = among.score(name, counted_once(loss[these]), owners, seed=known.seed)
        found.append(part if these.size else among.undefined(name, f"no case of {name} in the truth"))
    return found


def _nats(probability: Floats) -> Floats:
    nats: Floats = -np.log(np.clip(probability, np.finfo(np.float64).eps, 1))
    return nats


SCORE = Summed(metric="log_loss", of=mean, higher_is_better=False, unit="nat")
