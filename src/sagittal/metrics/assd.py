"""Average symmetric surface distance: how far apart two surfaces are in the mean."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._surfaces import SAID, Convention


def assd(*, convention: Convention = "surface-distance") -> CaseMetric:
    """The mean distance over both surfaces to the other one, in the unit of the world.

    Undefined where the truth does not hold the class. A missed class has no distance and counts as endlessly far in the
    median over cases.

    Args:
        convention: Where the surface is put, and what its points count: between the samples and by area, or on the border
            samples and by number, as MONAI does.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> assd().measure(np.array([[0, 1, 0, 0]]), np.array([[0, 0, 0, 1]]), Geometry.picture((1, 4)), labels)
    {'tumour': 1.5}
    """
    return CaseMetric(
        name="assd",
        surface=convention,
        value=lambda masks, k: masks.surfaces(k, convention).mean(),
        unit="length",
        higher_is_better=False,
        convention=f"mean of the distances from both surfaces to the other one, all together; {SAID[convention]}",
        summary="median",
        needs_answer=True,
    )
