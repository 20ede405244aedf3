"""Dice: how much two masks overlap, twice what they share over what they have together."""

from __future__ import annotations

from sagittal.core import Geometry, Labels
from sagittal.metrics._case import CaseMetric, Mask, of_overlap, overlaps


def _measure(truth: Mask, answer: Mask, _grid: Geometry, labels: Labels) -> dict[str, float | str]:
    """Dice of each class but the background; undefined where the truth does not hold it, 0 where it is missed."""
    return {
        name: of_overlap(both, t, a, lambda both, t, a: 2 * both / (t + a))
        for name, (both, t, a) in overlaps(truth, answer, labels).items()
    }


dice = CaseMetric(
    name="dice",
    measure=_measure,
    convention="2 |T and A| / (|T| + |A|) a case, background left out; 0 where the answer misses the class",
)
