"""Accuracy: the share of the cases that were answered right."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.metrics._answers import Answers, Array
from sagittal.metrics._tables import share_score

EXACT = "every label of the case right"
OF_CLASS = "among the cases of the class"
AGAINST_REST = "has the class or not"


def accuracy(answers: Answers) -> list[Score]:
    """The share of all cases that were answered right (its ``label`` is empty), then a class at a time.

    Of a class: among its cases, the share that was answered right. Where a case has several labels: overall
    the share of cases whose every label is right, and of a class the share for which having it or not is right.
    Wilson intervals; a bootstrap over groups where a group has several cases. Undefined without a case.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> accuracy(two_classes(hits=400, misses=100, alarms=95, rejections=373))[0].text()
    '0.799 (0.772 to 0.823)'
    """
    answers.need("class", "classes")
    known = answers.known()
    right = known.table == known.said
    if known.kind == "classes":
        counts = {"": right.all(axis=1)} | {name: right[:, k] for k, name in enumerate(known.labels.classes)}
        return [_share(known, label, hits, hits | True, EXACT if not label else AGAINST_REST) for label, hits in counts.items()]
    of_class = {name: known.table == k for k, name in enumerate(known.labels.classes)}
    return [
        _share(known, "", right, right | True),
        *(_share(known, name, right & among, among, OF_CLASS) for name, among in of_class.items()),
    ]


def _share(answers: Answers, label: str, hits: Array, among: Array, convention: str = "") -> Score:
    return share_score("accuracy", answers, label, np.stack([hits, among], axis=1).astype(float), convention=convention)
