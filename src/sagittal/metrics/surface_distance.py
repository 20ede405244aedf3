"""Mean distance between two surfaces."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._surfaces import of_surfaces

surface_distance = CaseMetric(
    name="surface_distance",
    measure=of_surfaces(lambda there, back: float((there.sum() + back.sum()) / (there.size + back.size))),
    unit="length",
    higher_is_better=False,
    convention="mean over the border samples of truth and answer, both together, of the distance to the other border",
    summary="median",
)
