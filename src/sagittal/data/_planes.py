"""A case as people look at it: three planes of a volume, or a picture, with what was drawn on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry
from sagittal.ops.upright import upright_view

_MOST_PX = 512
_MOST_SORTED = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Plane:
    """One flat picture, head or front up.

    Args:
        values: ``(y, x)`` or ``(y, x, 3)`` uint8.
        drawn: ``(y, x)`` class indices, or numbers of objects; below 0 where not known; None where nothing was drawn.
        spacing: World units from row to row and from column to column.
    """

    values: NDArray[np.uint8] = field(repr=False)
    drawn: NDArray[np.int32] | None = field(repr=False)
    spacing: tuple[float, float]


def planes(
    values: NDArray[Any], geometry: Geometry, drawn: NDArray[Any] | None, *, ground: int = 0, by: NDArray[Any] | None = None
) -> tuple[Plane, ...]:
    """A picture itself; of a volume, upright, the axial, coronal and sagittal slice with most that was drawn.

    Args:
        values: ``(C, *shape)``; of a volume the first channel is shown.
        geometry: Where they lie.
        drawn: ``shape``, class indices or object numbers.
        ground: The number that counts as nothing.
        by: Another drawing that says which slices are shown, so that two can be compared.

    Returns:
        Nothing for a table row.
    """
    if geometry.axes < 2:
        return ()
    if geometry.axes == 2:
        step = max(1, -(-max(geometry.shape) // (2 * _MOST_PX)))
        shown = values[:3, ::step, ::step] if len(values) >= 3 else values[:1, ::step, ::step]
        mask = None if drawn is None else np.asarray(drawn[::step, ::step], dtype=np.int32)
        return (Plane(values=_bytes(np.moveaxis(shown, 0, -1) if len(shown) == 3 else shown[0], shown), drawn=mask, spacing=(1.0, 1.0)),)
    grid = geometry.upright()
    volume = upright_view(values[0], geometry, grid)
    mask = None if drawn is None else upright_view(drawn, geometry, grid)
    chooses = mask if by is None else upright_view(by, geometry, grid)
    at = _fullest(chooses, ground) if chooses is not None else tuple(n // 2 for n in grid.shape)
    # What is cut off is one value: air, or nothing, round the head.
    box = _content(volume)
    volume, mask = volume[box], mask if mask is None else mask[box]
    at = tuple(int(np.clip(a - b.start, 0, b.stop - b.start - 1)) for a, b in zip(at, box, strict=True))
    return tuple(_slice(volume, mask, grid, axis, at[axis]) for axis in (2, 1, 0))


def _slice(volume: NDArray[Any], mask: NDArray[Any] | None, grid: Geometry, axis: int, at: int) -> Plane:
    across, up = (a for a in range(3) if a != axis)
    place = tuple(at if a == axis else slice(None) for a in range(3))
    drawn = None if mask is None else np.rot90(mask[place]).astype(np.int32)
    return Plane(values=_bytes(np.rot90(volume[place]), volume), drawn=drawn, spacing=(grid.spacing[up], grid.spacing[across]))


def _content(volume: NDArray[Any], margin: int = 2) -> tuple[slice, ...]:
    """The box outside of which a volume is its least value throughout; all of it where that is nowhere."""
    some = volume > volume.min()
    sides = []
    for axis in range(3):
        found = np.flatnonzero(some.any(axis=tuple(a for a in range(3) if a != axis)))
        if not found.size:
            return tuple(slice(0, n) for n in volume.shape)
        sides.append(slice(max(0, int(found[0]) - margin), min(volume.shape[axis], int(found[-1]) + 1 + margin)))
    return tuple(sides)


def _fullest(mask: NDArray[Any], ground: int) -> tuple[int, ...]:
    """For each axis the slice with most that was drawn; the middle where nothing was."""
    some = (mask != ground) & (mask >= 0)
    if not some.any():
        return tuple(n // 2 for n in mask.shape)
    return tuple(int(some.sum(axis=tuple(a for a in range(3) if a != axis)).argmax()) for axis in range(3))


def _bytes(flat: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.uint8]:
    """Bytes as they are; others from the 0.5th to the 99.5th percentile of the whole image."""
    if flat.dtype == np.uint8:
        return np.ascontiguousarray(flat)
    step = max(1, int((whole.size / _MOST_SORTED) ** (1 / whole.ndim)))
    some = whole[(slice(None, None, step),) * whole.ndim].astype(np.float64).ravel()
    some = some[np.isfinite(some)]
    low, high = np.percentile(some, (0.5, 99.5)) if some.size else (0.0, 1.0)
    scaled = np.nan_to_num((flat.astype(np.float32) - low) * (255 / (high - low if high > low else 1.0)))
    return np.ascontiguousarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
