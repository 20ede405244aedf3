"""Objects as numbers in a map: each one's number and class in one code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE, Annotation
from sagittal.core.geometry import Geometry


def coded(said: Annotation, region: Geometry) -> NDArray[np.int32]:
    """Object numbers and classes in one map, so that both are read together: ``number * K + class``; 0 outside of all."""
    objects, classes = said.instances_of(region)
    table = np.concatenate([[0], np.arange(1, len(classes) + 1) * len(said.labels) + classes]).astype(np.int32)
    found: NDArray[np.int32] = table[objects]
    return found


def numbers_of(said: Annotation, region: Geometry) -> NDArray[np.int32]:
    """The number of the object that each sample of a region belongs to; 0 where there is none."""
    return said.instances_of(region)[0]


def parted(codes: NDArray[Any], classes: int, ground: int = 0) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """The class of each sample, and the number of its object, of codes ``number * K + class``.

    Args:
        codes: Below 0 where nothing is known.
        classes: How many there are.
        ground: The class outside of all objects.

    >>> [part.tolist() for part in parted(np.array([0, 3, 5, -1]), 2)]
    [[0, 1, 1, -1], [0, 1, 2, 0]]
    """
    names = np.where(codes < 0, IGNORE, np.where(codes < classes, ground, codes % classes))
    return names.astype(np.int16), np.maximum(codes // classes, 0).astype(np.int32)
