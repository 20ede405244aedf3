"""Precision within a case: the share of the answered samples that belong to the structure."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Masks


def voxel_precision() -> CaseMetric:
    """``|T and A| / |A|`` of each class but the background; 0 where it is missed, undefined where the truth does not hold it.

    Of an answer without the class nothing is wrong, but a score without these cases would get better by missing more.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> voxel_precision().measure(np.array([[0, 1, 1]]), np.array([[1, 1, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.6666666666666666}
    """
    return CaseMetric(
        name="voxel_precision",
        value=_value,
        convention="|T and A| / |A| a case, background left out; 0 where the answer misses the class",
    )


def _value(masks: Masks, k: int) -> float:
    o = masks.overlap(k)
    return o.both / o.answer if o.answer else 0.0
