"""Smooth displacements from few control points: uniform cubic B-splines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TAPS = 4
"""How many control points along an axis a position depends on; a control grid has at least as many."""

Floats = NDArray[np.float64]


def basis(at: Floats, *, samples: int, controls: int) -> tuple[NDArray[np.int64], Floats]:
    """The first of the four control points that a position depends on, and their weights.

    The second control point lies on the first sample of the grid and the last but one on the last sample,
    so that every sample lies between four control points. Positions off the grid take the nearest one's.

    Args:
        at: Sample indices, fractional ones too, ``(n,)``.
        samples: How many samples the grid has along this axis.
        controls: How many control points lie along it, at least four.

    Returns:
        First control indices ``(n,)`` and weights ``(n, 4)``, which sum to one.

    >>> basis(np.array([0.0]), samples=9, controls=5)[1].round(3).tolist()
    [[0.167, 0.667, 0.167, 0.0]]
    """
    first, t = cells(at, samples=samples, controls=controls)
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=-1) / 6
    return first, weights


def cells(at: Floats, *, samples: int, controls: int) -> tuple[NDArray[np.int64], Floats]:
    """In which cell between control points positions lie (its first control), and how far through it, 0 to 1."""
    step = (controls - 3) / (samples - 1) if samples > 1 else 0.0
    place = np.clip(np.asarray(at, dtype=np.float64) * step, 0.0, controls - 3)
    first = np.minimum(place.astype(np.int64), controls - TAPS)
    return first, place - first


def matrix(*, samples: int, controls: int) -> Floats:
    """The same weights for every sample of an axis, as a matrix ``(samples, controls)``."""
    first, weights = basis(np.arange(samples, dtype=np.float64), samples=samples, controls=controls)
    dense = np.zeros((samples, controls))
    np.put_along_axis(dense, first[:, None] + np.arange(TAPS), weights, axis=1)
    return dense


def displacement(field: Floats, at: Floats, *, shape: tuple[int, ...]) -> Floats:
    """The displacement of points of a grid.

    Args:
        field: Control displacements, ``(n, *controls)``.
        at: Index coordinates of any points, ``(..., n)``.
        shape: The grid that the control points span.

    Returns:
        ``(..., n)``, in the units of ``field``.
    """
    flat = at.reshape(-1, len(shape))
    bases = [basis(flat[:, a], samples=shape[a], controls=field.shape[a + 1]) for a in range(len(shape))]
    moved = np.zeros_like(flat)
    for taps in np.ndindex(*(TAPS,) * len(shape)):
        weight = np.prod([bases[a][1][:, tap] for a, tap in enumerate(taps)], axis=0)
        place = tuple(bases[a][0] + tap for a, tap in enumerate(taps))
        moved += weight[:, None] * field[(slice(None), *place)].T
    return moved.reshape(at.shape)
