"""Object Dice: how well each object overlaps its partner."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Compared
from sagittal.metrics._objects import GLAS


def object_dice() -> CaseMetric:
    """The mean Dice of each object with the object of the other side that it shares most with, weighted by its size, both ways.

    ``1/2 (sum_i |T_i|/|T| Dice(T_i, A*(T_i)) + sum_j |A_j|/|A| Dice(T*(A_j), A_j))``; an object that shares nothing has Dice 0.
    Two touching objects answered as one cost both. Where a model does not number objects, the pieces of a class that hang
    together are its objects. Undefined where the truth does not hold the class.

    Source: Sirinukunwattana et al., Gland segmentation in colon histology images, Med. Image Anal. 35 (2017) 489.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "gland"), background="tissue")
    >>> object_dice().measure(np.array([[1, 1, 0, 1, 1]]), np.array([[1, 1, 0, 0, 0]]), Geometry.picture((1, 5)), labels)
    {'gland': 0.75}
    """
    return CaseMetric(
        name="object_dice",
        needs_whole=True,
        value=_value,
        convention=f"{GLAS}: Dice of each object with the one it shares most with, weighted by its size, mean of both directions",
    )


def _value(masks: Compared, k: int) -> float:
    return masks.matched(k).dice()
