"""Matthews correlation coefficient: how truth and answer go together, from -1 to 1."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._confusion import all_at_once
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed, ratio
from sagittal.metrics._tables import Counted, counted


def mcc(answers: Answers) -> list[Score]:
    """The correlation of truth and answer, 0 for any answer that does not look at the case.

    Of several classes first all at once (Gorodkin 2004; its ``label`` is empty), then each against the rest; the
    positive class alone where there are two. Where a case may have several classes, the mean over them first.
    Bootstrap intervals over groups. Undefined when truth or answers are all of one class.
    Of several classes at once it can rise a little when a right answer goes wrong: the spread of the answers changes with it.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> round(mcc(two_classes(hits=6, misses=2, alarms=1, rejections=3))[0].value, 3)
    0.478
    """
    found = counted(answers, OF_CLASS)
    return [all_at_once(answers, ALL, _of_table), *found[1:]] if answers.kind == "class" and len(found) > 1 else found


def _of_counts(c: Floats) -> Floats:
    tp, fp, fn, tn = (c[..., i] for i in range(4))
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _of_table(n: Floats, right: Floats, truth: Floats, said: Floats) -> Floats:
    together = right * n - (truth * said).sum(axis=1)
    spread = (n**2 - (truth**2).sum(axis=1)) * (n**2 - (said**2).sum(axis=1))
    return ratio(together, np.sqrt(np.maximum(spread, 0)))


def _why(c: Floats, label: str) -> str:
    if c[0] + c[2] == 0:
        return f"no case of {label} in the truth"
    if c[1] + c[3] == 0:
        return f"every case of the truth is {label}"
    return f"no case was answered {label}" if c[0] + c[1] == 0 else f"every case was answered {label}"


OF_CLASS = Counted(metric="mcc", of=_of_counts, why=_why)
ALL = Summed(metric="mcc", of=_of_counts, why="truth or answers are all of one class", convention="all classes at once")
