"""Answers drawn on pictures as outlines and as a table: objects and areas of each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.prediction import Prediction
from sagittal.io.writers._features import Feature, features
from sagittal.io.writers.geojson import write_features
from sagittal.io.writers.svg import write_shapes

COLUMNS = ("case", "class", "objects", "samples", "share", "area_um2", "area_mm2")
"""Areas are empty where the size of a pixel is not known."""

MICROMETRES = {"um": 1.0, "mm": 1000.0}


def has_outlines(prediction: Prediction) -> bool:
    """Whether a label map of a picture was drawn."""
    return prediction.geometry.axes == 2 and np.shape(prediction.answer) == prediction.geometry.shape


def outlined(prediction: Prediction, folder: Path, name: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Write ``NAME.geojson`` and ``NAME.svg``; gives their names, and the rows of :data:`COLUMNS`.

    Args:
        prediction: Its answer.
        folder: Into which.
        name: Of the files.
    """
    answer: NDArray[Any] = np.asarray(prediction.answer)
    found = list(features(answer, prediction.labels, objects=prediction.objects))
    each = sample_um2(prediction.geometry)
    write_features(folder / f"{name}.geojson", found, sample_um2=each)
    write_shapes(folder / f"{name}.svg", found, prediction.geometry.shape)
    return {"geojson": f"{name}.geojson", "svg": f"{name}.svg"}, areas(prediction, found)


def sample_um2(grid: Geometry) -> float | None:
    """Square micrometres of a sample; None where the world is one of pixels."""
    scale = MICROMETRES.get(grid.unit)
    return None if scale is None else grid.cell * scale * scale


def areas(prediction: Prediction, found: Sequence[Feature]) -> list[dict[str, Any]]:
    """The rows of :data:`COLUMNS` of every class but the background: how many objects (or pieces), and how large together."""
    rows, each = [], sample_um2(prediction.geometry)
    for name in prediction.labels.classes:
        if name == prediction.labels.background:
            continue
        mine = [f.samples for f in found if f.name == name]
        total = sum(mine)
        row = {"case": prediction.case, "class": name, "objects": len(mine), "samples": total}
        share = round(total / max(1, np.size(prediction.answer)), 6)
        known = {"area_um2": "", "area_mm2": ""}
        sizes = known if each is None else {"area_um2": round(total * each, 3), "area_mm2": round(total * each / 1e6, 9)}
        rows.append({**row, "share": share, **sizes})
    return rows
