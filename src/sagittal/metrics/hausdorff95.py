"""95 % Hausdorff distance: how far apart two surfaces are nearly everywhere."""

from __future__ import annotations

import numpy as np

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._surfaces import of_surfaces

hausdorff95 = CaseMetric(
    name="hausdorff95",
    measure=of_surfaces(lambda there, back: float(max(np.percentile(there, 95), np.percentile(back, 95)))),
    unit="length",
    higher_is_better=False,
    convention="larger of the two 95th percentiles of the distances from the border samples of one mask to the border of the other",
    summary="median",
)
