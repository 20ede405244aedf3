"""From values on any grid to a picture of bytes: windowing, three slices of a volume, the size on the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Picture = NDArray[np.uint8]
"""``(height, width, 3)``."""

MOST_PX = 512


def picture(
    values: ArrayLike, *, spacing: Sequence[float] | None = None, at: Sequence[int] | None = None, most_px: int = MOST_PX
) -> Picture:
    """Values ``(C, *shape)`` of two or three axes as ``(height, width, 3)``, at most ``most_px`` on the longer side.

    Bytes are shown as they are; other types from their 0.5th to their 99.5th percentile. NaN is black.

    Raises:
        ValueError: There are neither two nor three axes.
    """
    array = np.asarray(values)
    if array.ndim not in {3, 4}:
        raise ValueError(f"values {array.shape} are no picture: (C, y, x) or (C, i, j, k) is wanted")
    colours = [0, 1, 2] if len(array) >= 3 and array.ndim == 3 else [0, 0, 0]
    shown = array if array.dtype == np.uint8 else _windowed(array[sorted(set(colours))])
    planes = [laid_out(shown[c], spacing=spacing, at=at, most_px=most_px) for c in sorted(set(colours))]
    flat = np.stack([planes[c] for c in colours], axis=-1)
    if len(array) == 4 and array.dtype == np.uint8 and array.ndim == 3:
        cover = laid_out(array[3], spacing=spacing, at=at, most_px=most_px)[..., None] / 255.0
        flat = flat * cover + 255.0 * (1 - cover)
    return as_bytes(flat)


def laid_out(
    plane: NDArray[np.generic],
    *,
    spacing: Sequence[float] | None,
    at: Sequence[int] | None,
    most_px: int = MOST_PX,
    shape: tuple[int, ...] | None = None,
) -> NDArray[np.float32]:
    """One channel as it is drawn: a picture itself, a volume as three slices; then the size that is asked for."""
    flat = plane if plane.ndim == 2 else _three_slices(plane, spacing or (1.0,) * 3, at or tuple(n // 2 for n in plane.shape))
    if shape is None:
        factor = min(1.0, most_px / max(flat.shape))
        shape = tuple(max(1, round(n * factor)) for n in flat.shape)
    return _sized(flat, shape)


def _windowed(array: NDArray[np.generic]) -> NDArray[np.float32]:
    floats = np.asarray(array, dtype=np.float32)
    known = floats[np.isfinite(floats)]
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    if high <= low:
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    scaled = (floats - low) / (high - low) if high > low else np.zeros_like(floats)
    shown = np.clip(np.nan_to_num(scaled, posinf=1.0, neginf=0.0), 0.0, 1.0) * 255
    return shown.astype(np.float32)


def _three_slices(volume: NDArray[np.generic], spacing: Sequence[float], at: Sequence[int]) -> NDArray[np.float32]:
    """The three slices through a sample, turned so that the last axis (head) and the second (front) point up."""
    finest = min(spacing)
    views = []
    for axis in (2, 1, 0):
        others = [a for a in range(3) if a != axis]
        turned = np.rot90(np.take(volume, at[axis], axis=axis))
        size = (round(turned.shape[0] * spacing[others[1]] / finest), round(turned.shape[1] * spacing[others[0]] / finest))
        views.append(_sized(turned, size))
    height = max(v.shape[0] for v in views)
    padded = []
    for view in views:
        above = (height - view.shape[0]) // 2
        padded.append(np.pad(view, ((above, height - view.shape[0] - above), (0, 2))))
    joined: NDArray[np.float32] = np.concatenate(padded, axis=1)[:, :-2]
    return joined


def _sized(flat: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Shrunk by area, so that nothing flickers; enlarged smoothly."""
    values = np.ascontiguousarray(flat, dtype=np.float32)
    if values.shape == shape:
        return values
    import cv2

    smaller = shape[0] * shape[1] < values.size
    sized = cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(sized, dtype=np.float32)


def as_bytes(values: NDArray[np.floating]) -> Picture:
    rounded: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
