"""Answers drawn on pictures as outlines and as a table: objects and areas of each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.prediction import Prediction
from sagittal.io.writers._features import Feature, features
from sagittal.io.writers.csv import write_rows
from sagittal.io.writers.geojson import write_features
from sagittal.io.writers.svg import write_shapes

COLUMNS = ("case", "class", "objects", "samples", "share", "area_um2", "area_mm2")
"""Areas are empty where the size of a pixel is not known."""

OBJECTS = ("object", "class", "x", "y", "samples", "area_um2", "area_mm2")
"""Of each object: its number, its class, where its middle lies in pixels of the picture, and how large it is."""

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
    files = {"geojson": f"{name}.geojson", "svg": f"{name}.svg"}
    if prediction.objects is not None:
        files["objects_table"] = f"{name}_objects.csv"
        rows = [object_row(f.number, f.name, f.samples, f.centre, prediction.geometry) for f in found if f.number is not None]
        write_rows(folder / files["objects_table"], OBJECTS, rows)
    return files, areas(prediction, found)


def object_row(number: int, name: str, samples: int, middle: tuple[float, float], grid: Geometry) -> dict[str, Any]:
    """A row of :data:`OBJECTS`.

    Args:
        number: Of the object.
        name: Of its class.
        samples: How many it holds.
        middle: x and y in pixels of the picture.
        grid: On which its samples lie.
    """
    x, y = (round(v, 2) for v in middle)
    return {"object": number, "class": name, "x": x, "y": y, "samples": samples, **_sizes(samples, grid)}


def area_row(case: str, name: str, objects: int, samples: int, grid: Geometry) -> dict[str, Any]:
    """A row of :data:`COLUMNS`: how many objects of a class (or pieces), and how large together."""
    share = round(samples / max(1, math.prod(grid.shape)), 6)
    return {"case": case, "class": name, "objects": objects, "samples": samples, "share": share, **_sizes(samples, grid)}


def _sizes(samples: int, grid: Geometry) -> dict[str, Any]:
    each = sample_um2(grid)
    known = {"area_um2": "", "area_mm2": ""}
    return known if each is None else {"area_um2": round(samples * each, 3), "area_mm2": round(samples * each / 1e6, 9)}


def sample_um2(grid: Geometry) -> float | None:
    """Square micrometres of a sample; None where the world is one of pixels."""
    scale = MICROMETRES.get(grid.unit)
    return None if scale is None else grid.cell * scale * scale


def areas(prediction: Prediction, found: Sequence[Feature]) -> list[dict[str, Any]]:
    """The rows of :data:`COLUMNS` of every class but the background."""
    rows = []
    for name in prediction.labels.classes:
        if name != prediction.labels.background:
            mine = [f.samples for f in found if f.name == name]
            rows.append(area_row(prediction.case, name, len(mine), sum(mine), prediction.geometry))
    return rows
