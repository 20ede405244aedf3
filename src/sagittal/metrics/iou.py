"""Intersection over union (Jaccard): what two masks share over what they cover together."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import ratio


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
        counted=_of,
        convention="|T and A| / |T or A|, background left out; 0 where the answer misses the class",
    )


def _of(found: Counted) -> Floats:
    return ratio(found.both, found.truth + found.answer - found.both)
