"""What follows from a drawing, whatever it was drawn with: labels and boxes of a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE, Refusing
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels


class Drawn(Refusing):
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


def boxes_of_objects(objects: NDArray[np.int32], classes: NDArray[np.int16], region: Geometry) -> NDArray[np.float64]:
    """World boxes around numbered objects, ``(n, 2 * axes + 1)``; objects with no sample give none."""
    n = region.axes
    found = []
    for number in np.unique(objects[objects > 0]):
        where = np.argwhere(objects == number)
        ends = region.to_world(np.stack([where.min(axis=0) - 0.5, where.max(axis=0) + 0.5]))
        found.append([*ends.min(axis=0), *ends.max(axis=0), float(classes[number - 1])])
    return np.array(found, dtype=np.float64).reshape(-1, 2 * n + 1)
