"""Cohen's kappa: agreement of truth and answer beyond what chance would give."""

from __future__ import annotations

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._confusion import all_at_once
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed, ratio
from sagittal.metrics._tables import Counted, counted


def kappa(answers: Answers) -> list[Score]:
    """``(agreement - chance) / (1 - chance)``, unweighted; chance follows from how often each class occurs on both sides.

    Of several classes first all at once (its ``label`` is empty), then each against the rest; the positive class
    alone where there are two. Where a case may have several classes, the mean over them first. Bootstrap intervals
    over groups. Undefined for a class that the truth does not hold, and when truth and answers are all of one class.
    Of several classes at once it can rise when a right answer goes wrong, as long as it is below 0: chance changes with it.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> round(kappa(two_classes(hits=20, misses=10, alarms=5, rejections=15))[0].value, 2)
    0.4
    """
    found = counted(answers, OF_CLASS)
    return [all_at_once(answers, ALL, _of_table), *found[1:]] if answers.kind == "class" and len(found) > 1 else found


def _of_counts(c: Floats) -> Floats:
    tp, fp, fn, tn = (c[..., i] for i in range(4))
    n, truth, said = tp + fp + fn + tn, tp + fn, tp + fp
    by_chance = truth * said + (n - truth) * (n - said)
    return ratio(((tp + tn) * n - by_chance) * (truth > 0), (n**2 - by_chance) * (truth > 0))


def _of_table(n: Floats, right: Floats, truth: Floats, said: Floats) -> Floats:
    by_chance = (truth * said).sum(axis=1)
    return ratio(right * n - by_chance, n**2 - by_chance)


def _why(c: Floats, label: str) -> str:
    return f"no case of {label} in the truth" if c[0] + c[2] == 0 else f"truth and answers are all {label}"


OF_CLASS = Counted(metric="kappa", of=_of_counts, why=_why)
ALL = Summed(metric="kappa", of=_of_counts, why="truth and answers are all of one class", convention="all classes at once, unweighted")
