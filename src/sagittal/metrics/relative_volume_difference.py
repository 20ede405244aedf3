"""Relative volume difference: how far the answered structure is from the right size."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Compared


def relative_volume_difference() -> CaseMetric:
    """``||A| - |T|| / |T|`` of each class but the background; 1 where it is missed, undefined where the truth does not hold it.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> relative_volume_difference().measure(np.array([[0, 1, 1]]), np.array([[0, 0, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.5}
    """
    return CaseMetric(
        name="relative_volume_difference",
        value=_value,
        higher_is_better=False,
        convention="||A| - |T|| / |T| a case, background left out; where the structure lies does not matter",
    )


def _value(masks: Compared, k: int) -> float:
    o = masks.overlap(k)
    return abs(o.answer - o.truth) / o.truth
