"""Affines from files: whether a volume can lie like that, and how far two lay its corners apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Its own inverse; the way of DICOM, NRRD and MetaImage to ours."""

_LARGEST_MM = 1000.0
_FARTHEST_MM = 1e6
_FLATTEST = 1e-4


def corners(affine: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.float64]:
    """World coordinates of the centres of the corner samples, ``(8, 3)``."""
    ends = np.array(np.meshgrid(*([0.0, n - 1.0] for n in shape), indexing="ij")).reshape(3, -1).T
    found: NDArray[np.float64] = ends @ affine[:3, :3].T + affine[:3, 3]
    return found


def apart(a: NDArray[np.float64], b: NDArray[np.float64], shape: Sequence[int]) -> float:
    """The largest distance in mm between the same corner under two affines."""
    return float(np.linalg.norm(corners(a, shape) - corners(b, shape), axis=1).max())


def why_absurd(affine: NDArray[np.float64], shape: Sequence[int]) -> str:
    """Why no volume of a body lies like that, as the end of a sentence; empty where one may. Shear is fine.

    >>> why_absurd(np.diag([1.0, 0.0, 1.0, 1.0]), (4, 4, 4))
    'has voxels of 1 x 0 x 1 mm'
    >>> why_absurd(np.eye(4), (4, 4, 4))
    ''
    """
    if not np.isfinite(affine).all():
        return "has numbers that are none, or no turn at all"
    with np.errstate(over="ignore"):
        steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not ((steps > 1e-4) & (steps <= _LARGEST_MM)).all():
        return f"has voxels of {' x '.join(f'{s:g}' for s in steps)} mm"
    if abs(np.linalg.det(affine[:3, :3] / steps)) < _FLATTEST:
        return "puts all voxels in one plane"
    if np.abs(corners(affine, shape)).max() > _FARTHEST_MM:
        return "lies more than a kilometre away"
    return ""
