"""Hausdorff distance: how far apart two surfaces are where they are farthest."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._surfaces import SAID, Convention


def hd(*, convention: Convention = "surface-distance") -> CaseMetric:
    """The largest distance from a point of one surface to the other surface, in the unit of the world.

    One wrong sample decides it: :func:`~sagittal.metrics.hd95.hd95` is steadier. Undefined where the truth does not hold the
    class. A missed class has no distance and counts as endlessly far in the median over cases.

    Args:
        convention: Where the surface is put: between the samples, or on the border samples as MONAI does.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> hd().measure(np.array([[1, 0, 0, 0]]), np.array([[1, 1, 1, 0]]), Geometry.picture((1, 4)), labels)
    {'tumour': 2.0}
    """
    return CaseMetric(
        name="hd",
        surface=convention,
        value=lambda masks, k: masks.surfaces(k, convention).reach(1.0),
        unit="length",
        higher_is_better=False,
        convention=f"largest of the distances from the surface of one mask to that of the other, both ways; {SAID[convention]}",
        summary="median",
        needs_answer=True,
    )
