"""The answer, on the source's own grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prediction:
    """What a model says of one case (or of one window of it).

    Args:
        case: The case's id.
        geometry: The source's own grid.
        labels: The classes of the model.
        scores: What may be averaged: ``(K,)`` for an answer a case, ``(K, *shape)`` for one a sample.
        answer: What a person reads: a class index, a ``(K,)`` bool, a number, a label map ``shape`` of
            class indices, or boxes ``(n, 2 * axes + 2)`` in world units (low, high, class, score).
        objects: Where the answer numbers objects, the number of each sample's object; 0 where there is none.
        raw: The scores before calibration; None where nothing was calibrated.
        abstained: The score lies in the band in which the model should not decide.
        provenance: Which model, which file.
    """

    case: str
    geometry: Geometry
    labels: Labels
    scores: NDArray[np.float32] = field(repr=False)
    answer: NDArray[np.generic] = field(repr=False)
    objects: NDArray[np.int32] | None = field(default=None, repr=False)
    raw: NDArray[np.float32] | None = field(default=None, repr=False)
    abstained: bool = False
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Explanation:
    """How much each sample of the source spoke for a class.

    Args:
        case: The case's id.
        geometry: The source's own grid; for a table the shape is ``()``.
        target: The class that is explained.
        method: Name on the shelf of explainers.
        values: ``shape`` for images; ``(C,)``, one number a column, for a table row.
    """

    case: str
    geometry: Geometry
    target: str
    method: str
    values: NDArray[np.float32] = field(repr=False)
