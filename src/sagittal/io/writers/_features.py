"""Label maps as polygons with names, for formats of outlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Image, Labels
from sagittal.errors import UsageError
from sagittal.ops.outline import Piece, Polygon, pieces, together


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One object, or one piece of a class.

    Args:
        polygons: Each an outer ring and its holes, x and y in pixels of the picture, whose upper left corner is 0, 0.
        name: Of its class.
        colour: ``#rrggbb``.
        samples: How many it holds.
        centre: x and y of their mean place.
        number: Of the object; None for a piece of a class.
    """

    polygons: tuple[Polygon, ...]
    name: str
    colour: str
    samples: int
    centre: tuple[float, float]
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What pieces of a label map are called, and where they lie on a picture.

    Args:
        labels: The classes.
        place: From rows and columns of the map to those of the picture, ``(3, 3)``, both counted in the middle of samples.
    """

    labels: Labels
    place: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    @property
    def ground(self) -> int:
        """The class that is no object; -1 where there is none."""
        return -1 if self.labels.background is None else self.labels.index(self.labels.background)

    def numbered(self, answer: NDArray[np.integer]) -> NDArray[np.integer]:
        """Class indices as the numbers of pieces: 0 for the background and what is not known."""
        table = np.arange(len(self.labels) + 1)
        table[self.ground + 1] = 0
        found: NDArray[np.integer] = table[np.maximum(answer.astype(np.intp), -1) + 1]
        return found

    def feature(self, pieces: Sequence[Piece], k: int, number: int | None = None) -> Feature:
        """Pieces, together one object or one by itself, as a feature of the class ``k``."""
        name, samples = self.labels.classes[k], sum(p.samples for p in pieces)
        centre = np.sum([np.array(p.centre) * p.samples for p in pieces], axis=0) / samples
        in_order = sorted(pieces, key=lambda p: p.first)
        polygons = tuple(tuple(self._moved(ring) for ring in p.polygon) for p in in_order)
        x, y = self._moved(centre[None])[0].tolist()
        return Feature(polygons=polygons, name=name, colour=self.labels.colour(name), samples=samples, centre=(x, y), number=number)

    def _moved(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows and columns as x and y; the corner of the picture is 0, 0."""
        return (points @ self.place[:2, :2].T + self.place[:2, 2] + 0.5)[:, ::-1]


def features(answer: NDArray[np.integer], labels: Labels, *, objects: NDArray[np.integer] | None = None) -> Iterator[Feature]:
    """The objects in a label map, or the pieces of each class that hang together over faces; the background is none.

    Args:
        answer: Class indices ``(rows, columns)``.
        labels: The classes.
        objects: The number of each sample's object, 0 outside of all.
    """
    sheet = Sheet(labels=labels)
    if objects is None:
        for piece in pieces(sheet.numbered(answer)):
            yield sheet.feature([piece], piece.label - 1)
        return
    votes = _votes(objects, answer, len(labels))
    for parts in together(pieces(objects)):
        number = parts[0].label
        yield sheet.feature(parts, int(votes[number].argmax()), number)


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


def _votes(objects: NDArray[np.integer], answer: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """How many samples of each object have each class, ``(objects + 1, classes)``."""
    numbers = objects.astype(np.int64).ravel()
    pairs = np.bincount(numbers * classes + answer.clip(0).ravel(), minlength=(int(numbers.max(initial=0)) + 1) * classes)
    found: NDArray[np.int64] = pairs.reshape(-1, classes)
    return found
