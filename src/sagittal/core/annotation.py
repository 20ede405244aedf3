"""What a person said of a case; it answers questions about any region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.core._fill import fill as fill
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.errors import Refused

IGNORE = -1
"""The class index of samples of which nothing is known; every loss and metric leaves them out."""


class Annotation(Protocol):
    """What every annotation is asked. One that cannot answer raises ``Refused`` with a sentence why."""

    @property
    def labels(self) -> Labels:
        """The classes that the answers count."""
        ...

    def label_of(self, region: Geometry) -> int:
        """The class index of a region as a whole."""
        ...

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        """Which classes are present in a region, ``(K,)``."""
        ...

    def value_of(self, region: Geometry) -> NDArray[np.float32]:
        """The measured values of a region, ``(K,)``."""
        ...

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        """The class index of every sample of a region, ``region.shape``; ``IGNORE`` where not known."""
        ...

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """A map of object numbers (0: none), ``region.shape``, and the class of each object, from 1 on."""
        ...

    def boxes_of(self, region: Geometry) -> NDArray[np.float64]:
        """Boxes that touch a region, ``(n, 2 * axes + 1)``: low corner, high corner (world), class index."""
        ...


class _Refusing:
    """The answers that an annotation does not have."""

    __slots__ = ()

    def _refuse(self, question: str) -> Refused:
        kind = type(self).__name__
        return Refused("ANNOTATION", kind, f"a {kind} cannot tell {question}", "choose a task that fits the annotation")

    def label_of(self, region: Geometry) -> int:
        raise self._refuse("the one class of a region")

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        raise self._refuse("which classes a region has")

    def value_of(self, region: Geometry) -> NDArray[np.float32]:
        raise self._refuse("a measured value")

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        raise self._refuse("the class of every sample")

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        raise self._refuse("where single objects are")

    def boxes_of(self, region: Geometry) -> NDArray[np.float64]:
        raise self._refuse("where single objects are")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClassLabel(_Refusing):
    """One word, or several, about the whole case.

    >>> labels = Labels(classes=("CNV", "DME"))
    >>> ClassLabel(names=("DME",), labels=labels).label_of(Geometry.none())
    1
    """

    names: tuple[str, ...]
    labels: Labels

    def label_of(self, region: Geometry) -> int:
        """The index of the one class; refused when there are several."""
        if len(self.names) != 1:
            raise Refused("ANNOTATION", "label", f"{len(self.names)} labels where one class is asked", "set task: multilabel")
        return self.labels.index(self.names[0])

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        """``(K,)``: true for each named class."""
        present = np.zeros(len(self.labels), dtype=np.bool_)
        present[[self.labels.index(name) for name in self.names]] = True
        return present


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Value(_Refusing):
    """Measured numbers about the whole case, one for each name in ``labels``."""

    values: tuple[float, ...]
    labels: Labels

    def value_of(self, region: Geometry) -> NDArray[np.float32]:
        """The numbers, ``(K,)``."""
        return np.asarray(self.values, dtype=np.float32)


class _Drawn(_Refusing):
    """What follows for every annotation that can draw a mask of classes."""

    __slots__ = ()
    labels: Labels
    least_share: float

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        """The classes that cover at least ``least_share`` of the known samples of the region."""
        known = self._known(region)
        counts = np.bincount(known, minlength=len(self.labels))
        present: NDArray[np.bool_] = counts > max(0.0, self.least_share * known.size - 1e-9)
        return present

    def label_of(self, region: Geometry) -> int:
        """The foreground class that covers most of the region, if it covers ``least_share``; else background."""
        counts = np.bincount(self._known(region), minlength=len(self.labels))
        if self.labels.background is None:
            return int(counts.argmax())
        ground = self.labels.index(self.labels.background)
        total = counts.sum()
        counts[ground] = 0
        best = int(counts.argmax())
        return best if counts[best] > 0 and counts[best] >= self.least_share * total else ground

    def _known(self, region: Geometry) -> NDArray[np.int16]:
        mask = self.mask_of(region)
        known: NDArray[np.int16] = mask[mask != IGNORE].ravel()
        return known

    def boxes_of(self, region: Geometry) -> NDArray[np.float64]:
        """The bounding boxes of the objects, clipped to the region, in world units."""
        objects, classes = self.instances_of(region)
        return boxes_of_objects(objects, classes, region)


_UNKNOWN = np.iinfo(np.int16).min


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LabelMap(_Drawn):
    """A class for every sample of a grid.

    Args:
        image: One channel of integers.
        labels: ``labels.code(name)`` is the number that stands for a class in ``image``.
        outside: The class index of points that lie off the grid.
        least_share: The share of a region that a class must cover to be its label.
        objects: Each number above 0 is one object of the first foreground class, not a class.
    """

    image: Image
    labels: Labels
    outside: int = IGNORE
    least_share: float = 0.0
    objects: bool = False

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        """Nearest sample; a number that stands for no class is refused."""
        values = self._values(region)
        if self.objects:
            ground, fore = _two_classes(self.labels)
            found = np.where(values > 0, fore, ground)
        else:
            found = self._classes(values)
        return np.where(values == IGNORE, self.outside, found).astype(np.int16)

    def _classes(self, values: NDArray[np.integer]) -> NDArray[np.int16]:
        """The class index of each stored number; ``IGNORE`` for those that nobody should learn from."""
        told = {number: i for i, name in enumerate(self.labels.classes) for number in self.labels.numbers(name)}
        told |= dict.fromkeys((*self.labels.ignored, IGNORE), IGNORE)
        if values.dtype.itemsize <= 2:
            # Every number that the type holds has a place in the table; below 0 from its end.
            table = np.full(1 << 8 * values.dtype.itemsize, _UNKNOWN, dtype=np.int16)
            limits = np.iinfo(values.dtype)
            for number, index in told.items():
                if limits.min <= number <= limits.max:
                    table[number] = index
            found = table[values]
        else:
            numbers = np.array(sorted(told), dtype=np.int64)
            classes = np.array([told[int(n)] for n in numbers], dtype=np.int16)
            place = np.clip(np.searchsorted(numbers, values), 0, len(numbers) - 1)
            found = np.where(numbers[place] == values, classes[place], np.int16(_UNKNOWN))
        if (found == _UNKNOWN).any():
            strange = sorted({int(v) for v in np.unique(values[found == _UNKNOWN])})
            raise Refused("LABEL_VALUES", "mask", f"values {strange[:5]} stand for no class", "name them in labels.codes")
        classes_found: NDArray[np.int16] = found
        return classes_found

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """The objects, renumbered from 1; refused unless the map holds objects."""
        if not self.objects:
            raise self._refuse("single objects: its numbers are classes")
        values = np.maximum(self._values(region), 0)
        present, compact = np.unique(values, return_inverse=True)
        shift = 0 if present.size and present[0] == 0 else 1
        _, fore = _two_classes(self.labels)
        count = present.size - 1 + shift
        return (compact.reshape(values.shape) + shift).astype(np.int32), np.full(count, fore, np.int16)

    def _values(self, region: Geometry) -> NDArray[np.integer]:
        """The stored number at every point of the region, ``IGNORE`` off the grid."""
        source = self.image.geometry
        whole = self.image.read()[0]
        if region.same_grid(source):
            small = whole.dtype.kind in "iu" and whole.dtype.itemsize <= 2
            return np.asarray(whole) if small else np.asarray(whole, dtype=np.int64)
        n = region.axes
        index = np.moveaxis(np.indices(region.shape, dtype=np.float64), 0, -1)
        to_source = region.index_map(source)
        near = np.floor(index @ to_source[:n, :n].T + to_source[:n, n] + 0.5).astype(np.int64)
        inside = np.all((near >= 0) & (near < np.array(source.shape)), axis=-1)
        near[~inside] = 0
        found = np.asarray(whole[tuple(np.moveaxis(near, -1, 0))], dtype=np.int64)
        return np.where(inside, found, IGNORE)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outline:
    """One closed outline: rings of world points ``(n, 2)``, the class, how holes are told, and by what it may be known.

    ``signs`` are pairs of a kind (``class``, ``layer``, ``name``, ``id``, ``colour``) and what the drawing itself says, the most
    telling first.
    """

    rings: tuple[NDArray[np.float64], ...]
    name: str
    rule: Literal["evenodd", "nonzero"] = "evenodd"
    signs: tuple[tuple[str, str], ...] = ()

    @property
    def told(self) -> str:
        """What the drawing itself calls its class; empty where it says nothing but an id."""
        return next((value for kind, value in self.signs if kind != "id"), "")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Polygons(_Drawn):
    """Outlines in the plane; a sample belongs to an outline when its centre lies inside.

    Later outlines lie on top of earlier ones. Where no outline is, the class is the background.

    >>> square = Outline(rings=(np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]]),), name="tumour")
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> Polygons(outlines=(square,), labels=labels).mask_of(Geometry.picture((4, 4))).sum()
    np.int64(4)
    """

    outlines: tuple[Outline, ...]
    labels: Labels
    least_share: float = 0.0

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        """Class indices, ``region.shape``."""
        objects, classes = self.instances_of(region)
        ground = self.labels.index(self.labels.background) if self.labels.background is not None else IGNORE
        drawn: NDArray[np.int16] = np.concatenate([np.array([ground], np.int16), classes])[objects]
        return drawn

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """Each outline is an object; its number is its place in ``outlines``, from 1."""
        objects = np.zeros(region.shape, dtype=np.int32)
        ends = np.cumsum([len(ring) for outline in self.outlines for ring in outline.rings], dtype=np.int64)
        if ends.size and ends[-1]:
            points = region.to_index(np.concatenate([ring for outline in self.outlines for ring in outline.rings]))
            every = iter(np.split(points, ends[:-1]))
            for number, outline in enumerate(self.outlines, start=1):
                self._draw(objects, [next(every) for _ in outline.rings], number, outline.rule)
        classes = np.array([self.labels.index(o.name) for o in self.outlines], dtype=np.int16)
        return objects, classes

    def _draw(self, objects: NDArray[np.int32], rings: list[NDArray[np.float64]], number: int, rule: Literal["evenodd", "nonzero"]) -> None:
        """Fill the part of one outline that lies in the region."""
        rings = [ring for ring in rings if len(ring)]
        if not rings:
            return
        low = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0))
        high = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)) + 1
        (top, left), (bottom, right) = (np.clip(corner, 0, objects.shape).astype(int).tolist() for corner in (low, high))
        if top < bottom and left < right:
            inside = fill([ring - (top, left) for ring in rings], (bottom - top, right - left), rule=rule)
            objects[top:bottom, left:right][inside] = number


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Boxes(_Refusing):
    """Boxes with a class each: ``corners`` is ``(n, 2 * axes)``, low corner then high corner, in world units."""

    corners: NDArray[np.float64]
    names: tuple[str, ...]
    labels: Labels

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        """``(K,)``: true for each class with a box that touches the region."""
        present = np.zeros(len(self.labels), dtype=np.bool_)
        present[self.boxes_of(region)[:, -1].astype(int)] = True
        return present

    def boxes_of(self, region: Geometry) -> NDArray[np.float64]:
        """The boxes that touch the region, clipped to it; meant for regions along the world's axes."""
        n = region.axes
        edges = np.stack([region.to_world([-0.5] * n), region.to_world([s - 0.5 for s in region.shape])])
        low = np.maximum(self.corners[:, :n], edges.min(axis=0))
        high = np.minimum(self.corners[:, n:], edges.max(axis=0))
        kept = np.all(high > low, axis=1)
        classes = np.array([self.labels.index(name) for name in self.names], dtype=np.float64)
        return np.concatenate([low, high, classes[:, None]], axis=1)[kept]

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """Each box filled; where boxes overlap the smaller one lies on top."""
        n = region.axes
        sizes = np.prod(self.corners[:, n:] - self.corners[:, :n], axis=1)
        objects = np.zeros(region.shape, dtype=np.int32)
        for number in np.argsort(-sizes, kind="stable"):
            ends = region.to_index(self.corners[number].reshape(2, n))
            low = np.clip(np.ceil(ends.min(axis=0)).astype(int), 0, region.shape)
            high = np.clip(np.floor(ends.max(axis=0)).astype(int) + 1, 0, region.shape)
            objects[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = number + 1
        return objects, np.array([self.labels.index(name) for name in self.names], dtype=np.int16)


def boxes_of_objects(objects: NDArray[np.int32], classes: NDArray[np.int16], region: Geometry) -> NDArray[np.float64]:
    """World boxes around numbered objects, ``(n, 2 * axes + 1)``; objects with no sample give none."""
    n = region.axes
    found = []
    for number in np.unique(objects[objects > 0]):
        where = np.argwhere(objects == number)
        ends = region.to_world(np.stack([where.min(axis=0) - 0.5, where.max(axis=0) + 0.5]))
        found.append([*ends.min(axis=0), *ends.max(axis=0), float(classes[number - 1])])
    return np.array(found, dtype=np.float64).reshape(-1, 2 * n + 1)


def _two_classes(labels: Labels) -> tuple[int, int]:
    """The indices of the background and of the first other class."""
    ground = labels.index(labels.background) if labels.background is not None else 0
    return ground, next(i for i in range(len(labels)) if i != ground)
