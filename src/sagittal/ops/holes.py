"""Holes in the classes of a label map, filled."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from sagittal.ops._jit import kernel
from sagittal.ops.components import Labels, components
from sagittal.ops.confusion import boxes


def fill_holes(labels: Labels, *, classes: Collection[int] | None = None, background: int = 0) -> Labels:
    """The label map with the holes of each class filled; for a mask what ``scipy.ndimage.binary_fill_holes`` gives.

    A hole is where no way over faces leads out of the grid without entering the class. Only background is filled: what
    another class holds inside of a class stays. A hole of two classes goes to the one with the lower index.

    Args:
        labels: A mask or a label map of class indices.
        classes: Which to treat; all but the background when not told.
        background: The class that holes are made of.

    >>> fill_holes(np.array([[1, 1, 1, 1], [1, 0, 2, 1], [1, 1, 1, 1]])).tolist()
    [[1, 1, 1, 1], [1, 1, 2, 1], [1, 1, 1, 1]]
    """
    filled = labels.copy()
    if not labels.size:
        return filled
    for k, box in enumerate(boxes(labels, int(labels.max()) + 1)):
        if box is None or k == background or (classes is not None and k not in classes):
            continue
        # Outside of its box there is nothing of the class: what reaches the border of the box is open.
        pieces, n = components(labels[box] != k, connectivity="faces")
        closed = np.ones(n + 1, dtype=np.bool_)
        closed[0] = False
        for axis in range(labels.ndim):
            closed[pieces.take([0, -1], axis=axis)] = False
        if closed.any():
            part = np.ascontiguousarray(filled[box])
            _fill(pieces.reshape(-1), closed, background, k, part.reshape(-1))
            filled[box] = part
    return filled


@kernel
def _fill(pieces: Any, closed: Any, background: int, k: int, into: Any) -> None:
    for i in range(len(pieces)):
        if closed[pieces[i]] and into[i] == background:
            into[i] = k
