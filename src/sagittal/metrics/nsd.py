"""Normalised surface distance (surface Dice): the share of two surfaces that lies within a tolerance of the other."""

from __future__ import annotations

from collections.abc import Mapping

from sagittal.errors import UsageError
from sagittal.metrics._case import CaseMetric
from sagittal.metrics._masks import Compared
from sagittal.metrics._surfaces import SAID, Convention

OTHERS = "others"
"""Stands for the classes that are not named."""


def nsd(*, tolerance: float | Mapping[str, float] = 1.0, convention: Convention = "surface-distance") -> CaseMetric:
    """The share of the surfaces of truth and answer that is no farther from the other than the tolerance: 1 is perfect.

    0 where the class is missed; undefined where the truth does not hold it. The tolerance is what two experts differ by.

    Args:
        tolerance: In the unit of the world (mm of a patient), or one for each class by name; ``others`` are those not named,
            1 if left out.
        convention: Where the surface is put, and what its points count: between the samples and by area, or on the border
            samples and by number, as MONAI does.

    Raises:
        UsageError: A tolerance below 0, or what is no number.

    Source: Nikolov et al., arXiv:1809.04430.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> nsd(tolerance=1).measure(np.array([[0, 1, 0, 0]]), np.array([[0, 0, 0, 1]]), Geometry.picture((1, 4)), labels)
    {'tumour': 0.5}
    """
    given = dict(tolerance) if isinstance(tolerance, Mapping) else {OTHERS: tolerance}
    for name, length in given.items():
        if isinstance(length, bool) or not isinstance(length, int | float) or not 0 <= length < float("inf"):
            raise UsageError("TOLERANCE", f"nsd.tolerance={length!r}", f"the tolerance of {name} is no length", "give a number, in mm")
    given = {OTHERS: 1.0, **given} if set(given) != {OTHERS} else given

    def value(masks: Compared, k: int) -> float:
        if not masks.overlap(k).answer:
            return 0.0
        return masks.surfaces(k, convention).within(given.get(masks.labels.classes[k], given[OTHERS]))

    said = ", ".join(f"{v:g} for {k}" for k, v in given.items()) if len(given) > 1 else f"{given[OTHERS]:g}"
    return CaseMetric(
        name="nsd",
        surface=convention,
        value=value,
        convention=f"share of both surfaces within a tolerance of {said} (world units) of the other; 0 where missed; {SAID[convention]}",
    )
