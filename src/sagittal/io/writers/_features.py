"""Label maps as polygons with names, for formats of outlines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from sagittal.core import Image, Labels
from sagittal.errors import UsageError
from sagittal.ops.outline import Polygon, area, outline


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One object, or one piece of a class.

    Args:
        polygons: Each an outer ring and its holes, x and y in pixels of the picture, whose upper left corner is 0, 0.
        name: Of its class.
        colour: ``#rrggbb``.
        samples: How many it holds.
        number: Of the object; None for a piece of a class.
    """

    polygons: tuple[Polygon, ...]
    name: str
    colour: str
    samples: int
    number: int | None = None


def features(
    answer: NDArray[np.integer], labels: Labels, *, objects: NDArray[np.integer] | None = None, scale: float = 1.0
) -> Iterator[Feature]:
    """The objects in a label map, or the pieces of each class that hang together over faces; the background is none.

    Args:
        answer: Class indices ``(rows, columns)``.
        labels: The classes.
        objects: The number of each sample's object, 0 outside of all.
        scale: Pixels of the picture a sample, where the map is coarser.
    """
    ground = None if labels.background is None else labels.index(labels.background)
    if objects is not None:
        for number, box in enumerate(find_objects(np.asarray(objects, dtype=np.int64)), start=1):
            if box is not None:
                mask = objects[box] == number
                k = int(np.bincount(answer[box][mask].clip(0)).argmax())
                yield _feature([_moved(p, box, scale) for p in outline(mask)], labels, k, int(mask.sum()), number)
        return
    for k, box in enumerate(find_objects(np.where(answer >= 0, answer + 1, 0).astype(np.int64))):
        if box is not None and k != ground:
            for polygon in outline(answer[box] == k):
                yield _feature([_moved(polygon, box, scale)], labels, k, round(_area(polygon)))


def numbers(image: Image, path: object) -> Iterator[Feature]:
    """The pieces of each number above 0 in a picture of one channel of integers, called by the number.

    Raises:
        UsageError: The image is not such a picture.
    """
    values = image.read()
    if image.geometry.axes != 2 or len(values) != 1 or values.dtype.kind not in "iub":
        what = f"outlines are of a map of numbers; this has {image.geometry.axes} axes, {len(values)} channels of {values.dtype}"
        raise UsageError("UNFIT_VALUES", path, what, "write a picture as .png")
    present, compact = np.unique(values[0], return_inverse=True)
    if present[0] < 0:
        raise UsageError("UNFIT_VALUES", path, "outlines are of numbers from 0 on", "write it as .tif")
    names = tuple(str(n) for n in present)
    labels = Labels(classes=names, background="0" if "0" in names else None)
    return features(compact.reshape(values.shape[1:]), labels)


def _feature(polygons: list[Polygon], labels: Labels, k: int, samples: int, number: int | None = None) -> Feature:
    name = labels.classes[k]
    return Feature(polygons=tuple(polygons), name=name, colour=labels.colour(name), samples=samples, number=number)


def _moved(polygon: Polygon, box: tuple[slice, ...], scale: float) -> Polygon:
    corner = np.array([s.start for s in box]) + 0.5
    return tuple((ring + corner)[:, ::-1] * scale for ring in polygon)


def _area(polygon: Polygon) -> float:
    return sum(area(ring) for ring in polygon)
