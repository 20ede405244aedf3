"""Precision within a case: the share of the answered samples that belong to the structure."""

from __future__ import annotations

import numpy as np

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import ratio


def voxel_precision() -> CaseMetric:
    """``|T and A| / |A|`` of each class but the background; 0 where it is missed, undefined where the truth does not hold it.

    Of an answer without the class nothing is wrong, but a score without these cases would get better by missing more.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> voxel_precision().measure(np.array([[0, 1, 1]]), np.array([[1, 1, 1]]), Geometry.picture((1, 3)), labels)
    {'tumour': 0.6666666666666666}
    """
    return CaseMetric(
        name="voxel_precision",
        counted=_of,
        convention="|T and A| / |A|, background left out; 0 where the answer misses the class",
    )


def _of(found: Counted) -> Floats:
    return np.where(found.answer > 0, ratio(found.both, found.answer), 0.0)
