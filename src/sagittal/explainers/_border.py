"""Does the network look at the edge? A sign that it learned marks, frames or scanner borders."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

WIDTH = 0.1
"""The edge: this share of each axis, on both sides."""


def border_attention(values: NDArray[np.floating], *, width: float = WIDTH) -> float | None:
    """The share of a map's attention that lies on the edge, 0..1; ``None`` where the map is all 0.

    Compare it with ``border_share(values.shape)``, which is what a map that attends everywhere gets. Measured on nets
    that can only use a mark at the edge (4 seeds, 2 marks, 32 x 32): occlusion and integrated gradients give 1.4 to 2.2
    times that share, Grad-CAM only .9 to 1.3, because its coarse maps bleed inwards; nets that use the middle give less
    than .1 with all three. So the alarm asks integrated gradients, whatever explains the pictures (``engine/explain.py``).

    Args:
        values: ``(*shape)``, not negative.
        width: How much of each axis, on both sides, is edge (at least one sample).

    >>> border_attention(np.eye(8))
    0.25
    """
    total = float(values.sum())
    if not total > 0:
        return None
    inside = tuple(slice(edge, n - edge) for n, edge in ((n, _edge(n, width)) for n in values.shape))
    return 1.0 - float(values[inside].sum()) / total


def border_share(shape: tuple[int, ...], *, width: float = WIDTH) -> float:
    """The share of the samples that are edge.

    >>> round(border_share((100, 100)), 2)
    0.36
    """
    return 1.0 - math.prod(max(0, n - 2 * _edge(n, width)) / n for n in shape)


def _edge(size: int, width: float) -> int:
    return max(1, round(size * width))
