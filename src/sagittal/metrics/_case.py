"""A metric of masks: measured a case at a time on the source's own grid, then summarised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Labels
from sagittal.core.annotation import IGNORE

MISSED = "missed: in the truth, not in the answer"
ABSENT = "absent from the truth and from the answer"
ADDED = "absent from the truth, though in the answer"
Mask = NDArray[np.integer[Any]]
Measure = Callable[[Mask, Mask, Geometry, Labels], Mapping[str, float | str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseMetric:
    """A score of one case's mask, a class at a time.

    Args:
        name: On the shelf of metrics.
        measure: From truth and answer (class indices, ``shape``), the grid and the labels to a value for each class
            but the background, or the sentence why there is none. ``IGNORE`` in the truth leaves a sample out.
        unit: ``"1"`` for a ratio; ``"length"`` for the unit of the grid's world (mm for patients).
        higher_is_better: For baselines and comparisons.
        convention: Which of several definitions in use it is.
        summary: Cases are summarised by their mean, or by their median with missed structures as the worst.
    """

    name: str
    measure: Measure
    unit: Literal["1", "length"] = "1"
    higher_is_better: bool = True
    convention: str = ""
    summary: Literal["mean", "median"] = "mean"


def overlaps(truth: Mask, answer: Mask, labels: Labels) -> dict[str, tuple[int, int, int]]:
    """Of each class but the background: how many samples are in both, in the truth, and in the answer.

    Raises:
        ValueError: The shapes differ, or a number is not a class index.

    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> overlaps(np.array([0, 1, 1, -1]), np.array([0, 1, 0, 1]), labels)
    {'tumour': (1, 2, 1)}
    """
    if truth.shape != answer.shape:
        raise ValueError(f"truth {truth.shape} and answer {answer.shape} are not on one grid")
    k = len(labels)
    known = truth.ravel() != IGNORE
    t, a = truth.ravel()[known].astype(np.int64), answer.ravel()[known].astype(np.int64)
    if t.size and not (min(t.min(), a.min()) >= 0 and max(t.max(), a.max()) < k):
        raise ValueError(f"a mask holds a number that is not a class index of 0 to {k - 1}")
    table = np.bincount(t * k + a, minlength=k * k).reshape(k, k)
    return {
        name: (int(table[i, i]), int(table[i].sum()), int(table[:, i].sum()))
        for i, name in enumerate(labels.classes)
        if name != labels.background
    }


def of_overlap(both: int, truth: int, answer: int, ratio: Callable[[int, int, int], float]) -> float | str:
    """A ratio of overlap: undefined where the truth does not hold the class, 0 where the answer misses it."""
    if truth == 0:
        return ADDED if answer else ABSENT
    return ratio(both, truth, answer)
