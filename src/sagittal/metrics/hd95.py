"""95 % Hausdorff distance: how far apart two surfaces are nearly everywhere."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._surfaces import SAID, Convention


def hd95(*, convention: Convention = "surface-distance") -> CaseMetric:
    """The larger of the distances within which 95 % of each surface lies from the other, in the unit of the world.

    Undefined where the truth does not hold the class. A missed class has no distance and counts as endlessly far in the
    median over cases.

    Args:
        convention: Where the surface is put, and what its points count: between the samples and by area, or on the border
            samples and by number, with percentiles between two of them, as MONAI does.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> hd95().measure(np.array([[0, 1, 0, 0]]), np.array([[0, 0, 0, 1]]), Geometry.picture((1, 4)), labels)
    {'tumour': 2.0}
    """
    return CaseMetric(
        name="hd95",
        surface=convention,
        value=lambda masks, k: masks.surfaces(k, convention).reach(0.95),
        unit="length",
        higher_is_better=False,
        convention=f"larger of the two 95th percentiles of the distances from one surface to the other; {SAID[convention]}",
        summary="median",
        needs_answer=True,
    )
