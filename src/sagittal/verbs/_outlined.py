"""Answers drawn on pictures as outlines and as a table: objects and areas of each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

COLUMNS = ("case", "class", "objects", "samples", "share", "area_um2", "area_mm2", "mean_probability")
"""Areas are empty where the size of a pixel is not known, the mean probability of the samples where there are none."""

OBJECTS = ("object", "class", "x", "y", "samples", "area_um2", "area_mm2")
"""Of each object: its number, its class, where its middle lies in pixels of the picture, and how large it is."""

MICROMETRES = {"um": 1.0, "mm": 1000.0}


Means = Mapping[str, float | None]

NONE: Means = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found of a class.

    Args:
        name: Of the class.
        objects: How many objects, or pieces.
        samples: How many they hold together.
        mean: Of the probability of the class over these samples; None where it is not known.
    """

    name: str
    objects: int
    samples: int
    mean: float | None


def has_outlines(prediction: Prediction) -> bool:
    """Whether a label map of a picture was drawn."""
    return prediction.geometry.axes == 2 and np.shape(prediction.answer) == prediction.geometry.shape


def outlined(prediction: Prediction, folder: Path, name: str, *, inside: Means = NONE) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Write ``NAME.geojson`` and ``NAME.svg``; gives their names, and the rows of :data:`COLUMNS`.

    Args:
        prediction: Its answer.
        folder: Into which.
        name: Of the files.
        inside: Of each class the mean probability over its samples.
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
    return files, areas(prediction, found, inside=inside)


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


def area_row(case: str, found: Found, grid: Geometry) -> dict[str, Any]:
    """A row of :data:`COLUMNS`."""
    share = round(found.samples / max(1, math.prod(grid.shape)), 6)
    counts = {"class": found.name, "objects": found.objects, "samples": found.samples, "share": share}
    return {"case": case, **counts, **_sizes(found.samples, grid), "mean_probability": found.mean}


def _sizes(samples: int, grid: Geometry) -> dict[str, Any]:
    each = sample_um2(grid)
    known = {"area_um2": "", "area_mm2": ""}
    return known if each is None else {"area_um2": round(samples * each, 3), "area_mm2": round(samples * each / 1e6, 9)}


def sample_um2(grid: Geometry) -> float | None:
    """Square micrometres of a sample; None where the world is one of pixels."""
    scale = MICROMETRES.get(grid.unit)
    return None if scale is None else grid.cell * scale * scale


def areas(prediction: Prediction, found: Sequence[Feature], *, inside: Means = NONE) -> list[dict[str, Any]]:
    """The rows of :data:`COLUMNS` of every class but the background; ``inside`` as of :func:`outlined`."""
    rows = []
    for name in prediction.labels.classes:
        if name != prediction.labels.background:
            mine = [f.samples for f in found if f.name == name]
            each = Found(name=name, objects=len(mine), samples=sum(mine), mean=inside.get(name))
            rows.append(area_row(prediction.case, each, prediction.geometry))
    return rows
