"""Specificity within a case: the share of the samples outside of a structure that the answer leaves out."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats


def voxel_specificity() -> CaseMetric:
    """``|not T and not A| / |not T|`` of each class but the background; undefined where all of the truth is the class.

    Cases without the class have a score, too: here it shows what is drawn on healthy tissue. Where a structure is small an answer
    that draws nothing reaches 1, and nearly every other one does: read it beside
    :func:`~sagittal.metrics.voxel_sensitivity.voxel_sensitivity`.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> voxel_specificity().measure(np.array([[0, 0, 1]]), np.array([[0, 1, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.5}
    """
    return CaseMetric(
        name="voxel_specificity",
        counted=_of,
        needs_truth=False,
        why="all of the truth is the class",
        convention="|not T and not A| / |not T|, also where the truth does not hold the class",
    )


def _of(found: Counted) -> Floats:
    return found.specificity
