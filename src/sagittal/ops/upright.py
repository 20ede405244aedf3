"""Volumes the same way round, whatever the order and direction of their axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry


def upright_view(values: NDArray[Any], source: Geometry, upright: Geometry) -> NDArray[Any]:
    """Values on the upright grid of their own: a view with axes swapped and flipped, nothing copied or interpolated.

    Args:
        values: ``(*shape)`` on ``source``.
        source: Their grid.
        upright: ``source.upright()``.

    >>> grid = Geometry(shape=(2, 3, 4), affine=np.diag([-1.0, 1.0, 1.0, 1.0]), unit="mm")
    >>> upright_view(np.arange(24).reshape(2, 3, 4), grid, grid.upright())[:, 0, 0].tolist()
    [12, 0]
    """
    step = np.rint(upright.index_map(source)[:3, :3]).astype(int)
    order = [int(np.flatnonzero(step[:, axis])[0]) for axis in range(3)]
    flips = tuple(slice(None, None, int(step[own, axis])) for axis, own in enumerate(order))
    return values.transpose(order)[flips]
