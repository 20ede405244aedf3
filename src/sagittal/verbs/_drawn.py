"""Drawn answers as files: label maps on the source's own grid, boxes in the source's own world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal import io
from sagittal.core.case import Case
from sagittal.core.image import Image
from sagittal.core.prediction import Prediction
from sagittal.io import atomic

if TYPE_CHECKING:
    from sagittal.engine.assess import Keep
    from sagittal.engine.infer import Predictor


def drawn_into(folder: Path, predictor: Predictor) -> Keep | None:
    """What keeps each drawn answer in ``folder/labels``; None where answers are not drawn.

    The windows of a case are each kept under their own name.
    """
    if not is_drawn(predictor):
        return None

    def keep(case: Case, prediction: Prediction) -> None:
        (folder / "labels").mkdir(parents=True, exist_ok=True)
        write_drawn(predictor, prediction, folder / "labels")

    return keep


def is_drawn(predictor: Predictor) -> bool:
    """Whether the answers are masks or boxes."""
    plan = predictor.plan
    return predictor.task.head(plan.labels, plan.preparation.axes).dense


def write_drawn(predictor: Predictor, prediction: Prediction, folder: Path) -> Path:
    """Write a mask as ``.nii.gz`` or ``.png`` with the codes of the classes, or boxes as ``.json``; gives the path."""
    name = safe_name(prediction.case)
    if not predictor.task.regrid:
        path = folder / f"{name}.json"
        atomic.write_json(path, {"format": "sagittal-boxes", "version": 1, "unit": prediction.geometry.unit, "boxes": boxes_of(prediction)})
        return path
    path = folder / f"{name}{'.nii.gz' if prediction.geometry.axes > 2 else '.png'}"
    codes = np.array([prediction.labels.code(c) for c in prediction.labels.classes])
    stored = codes[np.asarray(prediction.answer, dtype=np.int64)][None].astype(np.uint8 if codes.max() < 256 else np.int16)
    io.write(Image.of(stored, prediction.geometry), path)
    return path


def boxes_of(prediction: Prediction) -> list[dict[str, Any]]:
    """Each box with its class, its score and its corners in world units."""
    axes, classes = prediction.geometry.axes, prediction.labels.classes
    return [
        {
            "class": classes[int(row[-2])],
            "score": round(float(row[-1]), 4),
            "low": [round(float(v), 3) for v in row[:axes]],
            "high": [round(float(v), 3) for v in row[axes : 2 * axes]],
        }
        for row in np.asarray(prediction.answer, dtype=np.float64)
    ]


def safe_name(text: str) -> str:
    """A name that any file system takes; different names stay different.

    >>> safe_name("a/b 1.png")
    'a_b_1.png'
    """
    import hashlib
    import re

    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "case"
    if plain == text.replace("/", "_").replace(" ", "_") and len(plain) <= 80:
        return plain
    return f"{plain[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
