"""Whether one thumbnail is a cut-out of another: they are laid over each other and their detail compared."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Thumb = NDArray[np.uint8]
_BLURS = (3.0, 1.5, 0.8)
_STEPS = 12
_DETAIL = 2.0
_LEAST_OVERLAP = 0.5
_SURE = 0.9
# Copies that lie on each other agree far better than this when blurred; most others need not be looked at closer.
_LEAST_ALIKE = 0.9


def detail(values: NDArray[Any], blur: float = _DETAIL) -> NDArray[Any]:
    """What remains of a picture when its coarse shape is taken off: edges and texture."""
    rest: NDArray[Any] = values - cv2.GaussianBlur(values, (0, 0), blur, borderType=cv2.BORDER_REFLECT)
    return rest


def aligned_likeness(a: Thumb, b: Thumb) -> float:
    """Correlation of the details of two thumbnails after the better of laying ``b`` on ``a`` or ``a`` on ``b``.

    Scale and shift along both axes (a crop with any margins of up to about 15 %) and a change of brightness and
    contrast are undone by Gauss-Newton steps on ever less blurred pictures. 0 when they do not come to lie on
    each other.

    Source: Lucas & Kanade (IJCAI 1981), with the parameters of a crop only: no rotation, no shear.
    """
    x, y = a.astype(np.float32) / 255, b.astype(np.float32) / 255
    first = _one_way(x, y)
    return first if first >= _SURE else max(first, _one_way(y, x))


def _one_way(a: NDArray[Any], b: NDArray[Any]) -> float:
    side = a.shape[0]
    centre = (side - 1) / 2
    v, u = (np.mgrid[0:side, 0:side].astype(np.float32) - centre) / centre
    # the place of each sample of a in b: (sx * u + tx, sy * v + ty)
    place = np.array([1.0, 0.0, 1.0, 0.0])
    for blur in _BLURS:
        fixed, moving = cv2.GaussianBlur(a, (0, 0), blur), cv2.GaussianBlur(b, (0, 0), blur)
        for _ in range(_STEPS):
            warped, inside, share = _warp(moving, place, u, v)
            if share < _LEAST_OVERLAP:
                return 0.0
            step = _step(fixed, warped, inside, place, (u, v))
            place = place + step
            if not _is_crop(place):
                return 0.0
            if np.abs(step).max() < 2e-3:
                break
        if _correlation(fixed[inside], warped[inside]) < _LEAST_ALIKE:
            return 0.0
    warped, inside, share = _warp(b, place, u, v)
    if share < _LEAST_OVERLAP:
        return 0.0
    return _correlation(detail(a)[inside], detail(warped)[inside])


def _correlation(x: NDArray[Any], y: NDArray[Any]) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y) + 1e-9))


def _is_crop(place: NDArray[np.float64]) -> bool:
    scales, shifts = place[::2], place[1::2]
    return bool((scales > 0.7).all() and (scales < 1.4).all() and (np.abs(shifts) < 0.35).all())


def _warp(
    moving: NDArray[Any], place: NDArray[np.float64], u: NDArray[Any], v: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.bool_], float]:
    side = moving.shape[0]
    centre = (side - 1) / 2
    x = ((place[0] * u + place[1]) * centre + centre).astype(np.float32)
    y = ((place[2] * v + place[3]) * centre + centre).astype(np.float32)
    inside = (x >= 0) & (x <= side - 1) & (y >= 0) & (y <= side - 1)
    warped = cv2.remap(moving, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped, inside, float(inside.mean())


def _step(
    fixed: NDArray[Any],
    warped: NDArray[Any],
    inside: NDArray[np.bool_],
    place: NDArray[np.float64],
    grid: tuple[NDArray[Any], NDArray[Any]],
) -> NDArray[np.float64]:
    """The change of scale and shift that takes the warped picture nearer to the fixed one; gain and offset are free."""
    centre = (fixed.shape[0] - 1) / 2
    across = cv2.Sobel(warped, cv2.CV_32F, 1, 0, scale=1 / 8) * (centre / place[0])
    down = cv2.Sobel(warped, cv2.CV_32F, 0, 1, scale=1 / 8) * (centre / place[2])
    columns = (across * grid[0], across, down * grid[1], down, warped, np.ones_like(warped))
    slope = np.stack([c[inside] for c in columns], axis=1).astype(np.float64)
    miss = (fixed - warped)[inside].astype(np.float64)
    solved: NDArray[np.float64] = np.linalg.solve(slope.T @ slope + 1e-6 * np.eye(6), slope.T @ miss)
    return solved[:4]
