"""Intersection over union (Jaccard): what two masks share over what they cover together."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Masks


def iou() -> CaseMetric:
    """``|T and A| / |T or A|`` of each class but the background: 1 is perfect, 0 where the class is missed.

    Undefined where the truth does not hold the class.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> iou().measure(np.array([[0, 1, 1]]), np.array([[0, 0, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.5}
    """
    return CaseMetric(
        name="iou",
        value=_value,
        convention="|T and A| / |T or A| a case, background left out; 0 where the answer misses the class",
    )


def _value(masks: Masks, k: int) -> float:
    o = masks.overlap(k)
    return o.both / (o.truth + o.answer - o.both)
