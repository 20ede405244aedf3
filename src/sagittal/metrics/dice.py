"""Dice: how much two masks overlap, twice what they share over what they have together."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats


def dice() -> CaseMetric:
    """``2 |T and A| / (|T| + |A|)`` of each class but the background: 1 is perfect, 0 where the class is missed.

    Undefined where the truth does not hold the class: no overlap can be right there, and 1 would reward every empty case.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> dice().measure(np.array([[0, 1, 1]]), np.array([[0, 0, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.6666666666666666}
    """
    return CaseMetric(
        name="dice",
        counted=_of,
        convention="2 |T and A| / (|T| + |A|), the F1 of samples, background left out; 0 where the answer misses the class",
    )


def _of(found: Counted) -> Floats:
    return found.dice
