"""Volume difference: by how much the answered structure is too large or too small."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric, volume_of
from sagittal.metrics._masks import Compared


def volume_difference() -> CaseMetric:
    """``||A| - |T||`` of each class but the background, in ml (of pictures the area in the unit of their world).

    Undefined where the truth does not hold the class. Where a structure lies does not matter, and a false part can make up
    for a missed one: it says nothing of overlap.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> volume_difference().measure(np.array([[0, 1, 1]]), np.array([[0, 0, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 1.0}
    """
    return CaseMetric(
        name="volume_difference",
        value=_value,
        unit="volume",
        higher_is_better=False,
        convention="||A| - |T|| a case, background left out; where the structure lies does not matter",
    )


def _value(masks: Compared, k: int) -> float:
    o = masks.overlap(k)
    return volume_of(abs(o.answer - o.truth), masks.grid)
