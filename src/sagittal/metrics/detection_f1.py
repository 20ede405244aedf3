"""F1 of detected objects at one score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers
from sagittal.metrics._boxes import Matched, matched
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import Summed, over_classes, ratio


def detection_f1(answers: Answers, *, iou: float = 0.5, threshold: float = 0.5) -> list[Score]:
    """``2 TP / (2 TP + FP + FN)`` over the boxes of all cases that score at least ``threshold``: mean, then each class.

    What is right is decided as in :func:`~sagittal.metrics.detection_ap.detection_ap`. Bootstrap intervals over groups;
    n is the number of cases. Undefined for a class without a true box; 0 for one that was never found.

    Raises:
        UsageError: The answers are not boxes.

    >>> from sagittal.metrics._examples import boxes_of
    >>> found = detection_f1(boxes_of([[[0, 0, 4, 4, 0], [8, 8, 9, 9, 0]]], [[[0, 0, 4, 5, 0, 0.9], [6, 0, 7, 1, 0, 0.4]]]))
    >>> round(found[0].value, 3)
    0.667
    """
    classes = matched(answers, iou=iou)
    convention = f"intersection over union of {iou:g} and more, scores of {threshold:g} and more"
    columns = [_columns(one, threshold) for one in classes]
    found = [
        replace(SCORE, convention=convention, why=f"no true box of {one.label}").score(one.label, values, answers.owners, seed=answers.seed)
        for one, values in zip(classes, columns, strict=True)
    ]
    if len(classes) < 2:
        return found
    held = [k for k, one in enumerate(classes) if one.truths.any()]
    whole = replace(SCORE, of=_mean, convention=over_classes([one.label for one in classes], held, convention), why="no true box")
    if not held:
        return [whole.undefined("", "no true box", n=answers.n), *found]
    return [whole.score("", np.concatenate([columns[k] for k in held], axis=1), answers.owners, seed=answers.seed), *found]


def _columns(one: Matched, threshold: float) -> Floats:
    """``(N, 3)``: hits, answered and true boxes of each case."""
    n, sure = len(one.truths), one.score >= threshold
    hits = np.bincount(one.case[sure & one.hit], minlength=n)
    said = np.bincount(one.case[sure], minlength=n)
    return np.stack([hits, said, one.truths], axis=1).astype(np.float64)


def _of(totals: Floats) -> Floats:
    hits, said, truths = (totals[..., i] for i in range(3))
    return np.where(truths > 0, ratio(2 * hits, said + truths), np.nan)


def _mean(totals: Floats) -> Floats:
    parts = _of(totals.reshape(len(totals), -1, 3))
    return ratio(np.nansum(parts, axis=1), (~np.isnan(parts)).sum(axis=1).astype(np.float64))


SCORE = Summed(metric="detection_f1", of=_of)
