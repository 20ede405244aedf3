"""AUC within a case: how well the probabilities of samples tell a structure from the rest."""

from __future__ import annotations

from sagittal.metrics._case import CaseMetric
from sagittal.metrics._counted import Counted
from sagittal.metrics._intervals import Floats
from sagittal.ops.ranked import BINS, REACH


def voxel_auc() -> CaseMetric:
    """The chance that a sample of the class has a higher probability than one outside of it; ties count half; 0.5 is chance.

    It looks at no threshold and not at the drawn answer, which postprocessing may have changed. Probabilities are counted in
    bins of one width on the logit scale, so that the samples of all cases can be ranked together; samples of one bin are a tie.
    Undefined where the truth holds nothing but one of both, and where no probabilities were kept.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> from sagittal.metrics._masks import Masks
    >>> labels, grid = Labels(classes=("tissue", "tumour"), background="tissue"), Geometry.picture((1, 4))
    >>> p, truth = np.array([[0.1, 0.6, 0.4, 0.9]], np.float32), np.array([[0, 0, 1, 1]])
    >>> voxel_auc().of(Masks(truth=truth, answer=truth, grid=grid, labels=labels, scores=np.stack([1 - p, p])))
    {'tumour': 0.75}
    """
    return CaseMetric(
        name="voxel_auc",
        counted=_of,
        needs_scores=True,
        why="all of the truth is the class, or no probabilities were kept",
        convention=f"area under the ROC curve of the samples; probabilities in {BINS} bins of {2 * REACH / BINS:.3g} logits",
    )


def _of(found: Counted) -> Floats:
    return found.area
