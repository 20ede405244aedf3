"""Inverse, determinant and column lengths of small affines: numpy takes longer to be called than these take."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = list[list[float]]


def determinant(linear: Rows) -> float:
    """Of a square matrix.

    >>> determinant([[0.0, 2.0], [3.0, 1.0]])
    -6.0
    """
    match linear:
        case []:
            return 1.0
        case [[a]]:
            return a
        case [[a, b], [c, d]]:
            return a * d - b * c
        case [[a, b, c], [d, e, f], [g, h, i]]:
            return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return float(np.linalg.det(np.array(linear)))


def inverse(affine: Floats) -> Floats:
    """The affine ``(n+1, n+1)`` that undoes this one, whose last row is ``0 ... 0 1``; it is not singular.

    >>> inverse(np.array([[2.0, 0.0, 4.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]])).tolist()
    [[0.5, 0.0, -2.0], [0.0, 1.0, -3.0], [0.0, 0.0, 1.0]]
    """
    *rows, _ = affine.tolist()
    linear = [row[:-1] for row in rows]
    back = _adjugate(linear)
    if back is None:
        return np.asarray(np.linalg.inv(affine), dtype=np.float64)
    whole = determinant(linear)
    # The sum ends in + 0.0, so that no zero of the result is a negative one.
    turned = [[v / whole + 0.0 for v in row] for row in back]
    shift = [row[-1] for row in rows]
    moved = [0.0 - sum(v * s for v, s in zip(row, shift, strict=True)) for row in turned]
    return np.array([*([*row, m] for row, m in zip(turned, moved, strict=True)), [0.0] * len(rows) + [1.0]])


def lengths(affine: Floats) -> tuple[float, ...]:
    """Of the columns of an affine's linear part.

    >>> lengths(np.array([[3.0, 0.0, 9.0], [4.0, 2.0, 9.0], [0.0, 0.0, 1.0]]))
    (5.0, 2.0)
    """
    *rows, _ = affine.tolist()
    return tuple(math.hypot(*column) for column in list(zip(*rows, strict=True))[:-1])


def _adjugate(linear: Rows) -> Rows | None:
    """The inverse times the determinant, up to three axes."""
    match linear:
        case []:
            return []
        case [[_]]:
            return [[1.0]]
        case [[a, b], [c, d]]:
            return [[d, -b], [-c, a]]
        case [[a, b, c], [d, e, f], [g, h, i]]:
            return [
                [e * i - f * h, c * h - b * i, b * f - c * e],
                [f * g - d * i, a * i - c * g, c * d - a * f],
                [d * h - e * g, b * g - a * h, a * e - b * d],
            ]
    return None
