"""Boxes with a class each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import Refusing
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Boxes(Refusing):
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
