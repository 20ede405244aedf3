"""Sensitivity within a case: the share of a structure's samples that the answer covers."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import ratio


def voxel_sensitivity() -> CaseMetric:
    """``|T and A| / |T|`` of each class but the background; 0 where it is missed, undefined where the truth does not hold it.

    An answer that draws everything reaches 1: read it beside :func:`~sagittal.metrics.voxel_precision.voxel_precision`.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> voxel_sensitivity().measure(np.array([[0, 1, 1]]), np.array([[1, 0, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.5}
    """
    return CaseMetric(
        name="voxel_sensitivity",
        counted=_of,
        convention="|T and A| / |T|, background left out; 0 where the answer misses the class",
    )


def _of(found: Counted) -> Floats:
    return ratio(found.both, found.truth)
