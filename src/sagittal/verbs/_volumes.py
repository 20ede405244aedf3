"""How large what was drawn in a volume is: a row a case and class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.prediction import Prediction

if TYPE_CHECKING:
    from sagittal.engine.infer import Predictor

COLUMNS = ("case", "class", "volume_ml", "low_ml", "high_ml", "members", "samples")
"""``low`` and ``high`` are the least and the largest volume that a member of an ensemble draws by itself; else empty."""


def has_volumes(predictor: Predictor, prediction: Prediction) -> bool:
    """Whether a label map of a whole volume in the world was drawn."""
    return predictor.plan.unit == "case" and predictor.task.samplewise and prediction.geometry.axes > 2 and prediction.geometry.unit == "mm"


def volumes_of(predictor: Predictor, prediction: Prediction, image: Image) -> list[dict[str, Any]]:
    """The rows of :data:`COLUMNS` of every class but the background.

    The members of an ensemble are asked once more, each by itself, which takes the time of the answer again.

    Args:
        predictor: Which answered.
        prediction: Its answer.
        image: The case.
    """
    labels, ml = prediction.labels, _ml(prediction.geometry)
    counts = _counts(prediction)
    members = predictor.apart()
    each = [_counts(next(member.answer([(prediction.case, image)]))) for member in members]
    rows = []
    for k, name in enumerate(labels.classes):
        if name == labels.background:
            continue
        row: dict[str, Any] = {"case": prediction.case, "class": name, "volume_ml": round(counts[k] * ml, 4)}
        known = sorted(found[k] * ml for found in each)
        ends = (round(known[0], 4), round(known[-1], 4)) if known else ("", "")
        rows.append({**row, "low_ml": ends[0], "high_ml": ends[1], "members": max(1, len(members)), "samples": counts[k]})
    return rows


def _counts(prediction: Prediction) -> list[int]:
    """Samples of each class, counted slice by slice."""
    total = np.zeros(len(prediction.labels), np.int64)
    for part in np.asarray(prediction.answer):
        total += np.bincount(part.reshape(-1), minlength=len(total))
    return [int(n) for n in total]


def _ml(grid: Geometry) -> float:
    """Millilitres of a sample, also of a sheared one."""
    n = grid.axes
    return float(abs(np.linalg.det(grid.affine[:n, :n]))) / 1000
