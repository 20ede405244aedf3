"""Object F1: how many objects were found, and how many were invented."""

from __future__ import annotations

from sagittal.errors import UsageError
from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Compared
from sagittal.metrics._objects import GLAS


def object_f1(*, overlap: float = 0.5) -> CaseMetric:
    """``2 found / (objects of the truth + objects of the answer)`` of each class but the background.

    A true object is found where an answered object that shares most of its samples with it covers at least ``overlap`` of it.
    Where a model does not number objects, the pieces of a class that hang together are its objects. Undefined where the truth
    does not hold the class.

    An answered object that covers less than that of any true one counts as invented, so that leaving it out is better although
    some of its samples are right: :func:`~sagittal.metrics.lesion_f1.lesion_f1` has not that trait.

    Args:
        overlap: The share of a true object.

    Raises:
        UsageError: A share outside of 0 to 1.

    Source: Sirinukunwattana et al., Gland segmentation in colon histology images, Med. Image Anal. 35 (2017) 489.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "gland"), background="tissue")
    >>> truth, answer = np.array([[1, 1, 0, 1, 0, 0]]), np.array([[0, 1, 0, 0, 0, 1]])
    >>> object_f1().measure(truth, answer, Geometry.picture((1, 6)), labels)
    {'gland': 0.5}
    """
    if not 0 < overlap <= 1:
        raise UsageError("OVERLAP", f"object_f1.overlap={overlap!r}", "is no share of an object", "give a number above 0, up to 1")

    def value(masks: Compared, k: int) -> float:
        pairs = masks.matched(k)
        return 2 * pairs.found(overlap) / (len(pairs.truth) + len(pairs.answer))

    return CaseMetric(
        name="object_f1",
        needs_whole=True,
        value=value,
        convention=f"{GLAS}: an object of the truth is found where the answered object that shares most with it covers {overlap:.0%} of it",
    )
