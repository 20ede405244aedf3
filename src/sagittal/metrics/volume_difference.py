"""Relative volume difference: how far the answered structure is from the right size."""

from __future__ import annotations

from sagittal.core import Geometry, Labels
from sagittal.metrics._case import CaseMetric, Mask, of_overlap, overlaps


def _measure(truth: Mask, answer: Mask, _grid: Geometry, labels: Labels) -> dict[str, float | str]:
    """Of each class but the background; undefined where the truth does not hold it, 1 where it is missed."""
    return {
        name: of_overlap(both, t, a, lambda both, t, a: abs(a - t) / t) for name, (both, t, a) in overlaps(truth, answer, labels).items()
    }


volume_difference = CaseMetric(
    name="volume_difference",
    measure=_measure,
    higher_is_better=False,
    convention="||A| - |T|| / |T| a case, background left out; where the structure lies does not matter",
)
