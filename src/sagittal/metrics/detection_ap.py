"""Average precision of detected objects: how many are found, and how many alarms that costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._boxes import Matched, matched
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed, over_classes, ratio, weighted


def detection_ap(answers: Answers, *, iou: float = 0.5) -> list[Score]:
    """The area under the precision-recall curve of boxes, all cases together: the mean over classes, then each class.

    A box is right when it overlaps a true one of its class that no box of a higher score has taken, with an
    intersection over union of at least ``iou``. At each recall the best precision from there on counts (every point,
    as in Pascal VOC from 2010 on; COCO samples 101 of them). Bootstrap intervals over groups; n is the number of cases.
    Undefined for a class without a true box; 0 for one that was never found.

    Raises:
        UsageError: The answers are not boxes.

    >>> from sagittal.metrics._examples import boxes_of
    >>> found = detection_ap(boxes_of([[[0, 0, 4, 4, 0], [8, 8, 9, 9, 0]]], [[[0, 0, 4, 5, 0, 0.9], [6, 0, 7, 1, 0, 0.8]]]))
    >>> found[0].label, found[0].value
    ('nodule', 0.5)
    """
    classes = matched(answers, iou=iou)
    score = replace(SCORE, convention=f"intersection over union of {iou:g} and more, every point")
    curves = [_curve(one) for one in classes]
    held = [k for k, one in enumerate(classes) if one.truths.any()]
    values = np.array([curve(np.ones((1, answers.n)))[0] for curve in curves])
    interval = weighted(answers.owners, lambda w: np.stack([curve(w) for curve in curves], axis=1), seed=answers.seed)
    found = [
        score.defined(one.label, float(values[k]), answers.n, interval([k]))
        if k in held
        else score.undefined(one.label, f"no true box of {one.label}", n=answers.n)
        for k, one in enumerate(classes)
    ]
    if len(classes) < 2:
        return found
    whole = replace(score, convention=over_classes([one.label for one in classes], held, score.convention))
    if not held:
        return [whole.undefined("", "no true box", n=answers.n), *found]
    return [whole.defined("", float(values[held].mean()), answers.n, interval(held)), *found]


def _curve(one: Matched) -> Callable[[Floats], Floats]:
    """A function from weights of the cases ``(B, N)`` to average precisions ``(B,)``; NaN without a true box."""
    last = np.flatnonzero(np.diff(one.score, append=np.nan) != 0)

    def area(weights: Floats) -> Floats:
        truths = weights @ one.truths
        if not last.size:
            return np.where(truths > 0, 0.0, np.nan)
        of_box = weights[:, one.case]
        hits = np.cumsum(of_box * one.hit, axis=1)[:, last]
        said = np.cumsum(of_box, axis=1)[:, last]
        precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return ratio((np.diff(hits, axis=1, prepend=0) * best).sum(axis=1), truths)

    return area


SCORE = Summed(metric="detection_ap", of=lambda totals: totals[:, 0])
