"""Small sets of answers for examples in the documentation and for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sagittal.core import Labels
from sagittal.metrics._answers import Answers


def two_classes(*, hits: int = 0, misses: int = 0, alarms: int = 0, rejections: int = 0) -> Answers:
    """Answers to healthy and ill cases with these counts; the positive class is ``ill``, every case stands alone."""
    truth = np.repeat([1, 1, 0, 0], [hits, misses, alarms, rejections])
    answer = np.repeat([1, 0, 1, 0], [hits, misses, alarms, rejections])
    return answers_of(truth, np.where(answer[:, None] == [0, 1], 0.8, 0.2), classes=("healthy", "ill"), positive="ill")


def answers_of(
    truth: object, scores: object, *, classes: tuple[str, ...] = ("a", "b", "c"), positive: str | None = None, groups: object = None
) -> Answers:
    """Answers to a question of classes whose answer is the class of the highest score."""
    table = np.asarray(scores, dtype=np.float64).reshape(-1, len(classes))
    n = len(table)
    return Answers(
        labels=Labels(classes=classes, positive=positive),
        cases=np.array([f"case {i}" for i in range(n)], dtype=np.str_),
        groups=np.full(n, "", dtype=np.str_) if groups is None else np.asarray(groups, dtype=np.str_),
        truth=np.asarray(truth),
        scores=table,
        answer=table.argmax(axis=1),
    )


def values_of(truth: object, said: object, *, unit: str = "mm", groups: object = None) -> Answers:
    """Answers to the question of one value, called ``size``."""
    table = np.asarray(truth, dtype=np.float64).reshape(-1, 1)
    given = np.asarray(said, dtype=np.float64).reshape(-1, 1)
    return Answers(
        labels=Labels(classes=("size",), unit=unit),
        cases=np.array([f"case {i}" for i in range(len(table))], dtype=np.str_),
        groups=np.full(len(table), "", dtype=np.str_) if groups is None else np.asarray(groups, dtype=np.str_),
        truth=table,
        scores=given,
        answer=given,
    )


def boxes_of(truth: Sequence[object], said: Sequence[object], *, classes: tuple[str, ...] = ("nodule",)) -> Answers:
    """Answers to the question of boxes in the plane, one entry a case: rows ``(y, x, y, x, class[, score])``."""
    n = len(truth)
    return Answers(
        labels=Labels(classes=classes),
        cases=np.array([f"case {i}" for i in range(n)], dtype=np.str_),
        groups=np.full(n, "", dtype=np.str_),
        truth=tuple(np.asarray(t, dtype=np.float64).reshape(-1, 5) for t in truth),
        scores=np.zeros((n, 0)),
        answer=tuple(np.asarray(s, dtype=np.float64).reshape(-1, 6) for s in said),
    )
