"""A class, or the number of an object, for every sample of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.core.drawn import Drawn
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.errors import Refused

_UNKNOWN = np.iinfo(np.int16).min


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LabelMap(Drawn):
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


def _two_classes(labels: Labels) -> tuple[int, int]:
    """The indices of the background and of the first other class."""
    ground = labels.index(labels.background) if labels.background is not None else 0
    return ground, next(i for i in range(len(labels)) if i != ground)
