"""Object Hausdorff distance: how far each object's shape is from that of its partner."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Compared
from sagittal.metrics._objects import GLAS


def object_hausdorff() -> CaseMetric:
    """The mean Hausdorff distance of each object to its partner, weighted by its size, both ways, in the unit of the world.

    The partner is the object of the other side that it shares most with, else the one whose Hausdorff distance is smallest.
    Distances are between the centres of samples. Where a model does not number objects, the pieces of a class that hang together
    are its objects. Undefined where the truth does not hold the class; a missed class counts as endlessly far.

    Source: Sirinukunwattana et al., Gland segmentation in colon histology images, Med. Image Anal. 35 (2017) 489.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "gland"), background="tissue")
    >>> object_hausdorff().measure(np.array([[1, 0, 0, 0]]), np.array([[1, 1, 1, 0]]), Geometry.picture((1, 4)), labels)
    {'gland': 2.0}
    """
    return CaseMetric(
        name="object_hausdorff",
        needs_whole=True,
        value=_value,
        unit="length",
        higher_is_better=False,
        convention=f"{GLAS}: between the samples of each object and of the one it shares most with (else the nearest), weighted by its "
        "size, mean of both directions",
        summary="median",
        needs_answer=True,
    )


def _value(masks: Compared, k: int) -> float:
    return masks.matched(k).hausdorff()
