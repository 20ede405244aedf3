"""Intersection over union (Jaccard): what two masks share over what they cover together."""

from __future__ import annotations

from sagittal.core import Geometry, Labels
from sagittal.metrics._case import CaseMetric, Mask, of_overlap, overlaps


def _measure(truth: Mask, answer: Mask, _grid: Geometry, labels: Labels) -> dict[str, float | str]:
    """Of each class but the background; undefined where the truth does not hold it, 0 where it is missed."""
    return {
        name: of_overlap(both, t, a, lambda both, t, a: both / (t + a - both))
        for name, (both, t, a) in overlaps(truth, answer, labels).items()
    }


iou = CaseMetric(
    name="iou",
    measure=_measure,
    convention="|T and A| / |T or A| a case, background left out; 0 where the answer misses the class",
)
