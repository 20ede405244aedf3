"""A large image made small, slab by slab."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.ops.resample import on_grid

LONGEST = 2048
"""Samples along the longer side of an overview."""

SLAB_BYTES = 64 << 20
"""So much of a source without smaller copies is read at a time."""


def overview(image: Image, *, longest: int = LONGEST) -> Image:
    """The image in memory, on a coarser grid over the same field of view where it is larger than ``longest``.

    An image that is not tiled fits into memory anyway and comes back as it is, read once. Of a slide the nearest finer level
    is read; where it has none, all of it is, a few rows at a time.

    >>> tall = Image.of(np.zeros((1, 60, 20), np.uint8), Geometry.picture((60, 20)))
    >>> overview(tall, longest=30).geometry.shape
    (60, 20)
    """
    if not image.tiled:
        return Image.of(image.read(), image.geometry, channels=image.channels, meta=image.meta)
    grid = small_grid(image.geometry, longest)
    step = max(a / b for a, b in zip(grid.spacing, image.geometry.spacing, strict=True))
    source = image.coarser(step)
    if source.geometry.same_grid(grid):
        return Image.of(source.read(), source.geometry, channels=image.channels, meta=image.meta)
    each = max(1.0, len(image.channels) * grid.shape[-1] * (source.geometry.shape[0] / grid.shape[0]) ** 2)
    rows = max(1, int(SLAB_BYTES / each))
    slabs = [on_grid(source, grid.at(_rows(grid, at, rows))) for at in range(0, grid.shape[0], rows)]
    return Image.of(_stored(np.concatenate(slabs, axis=1), image), grid, channels=image.channels, meta=image.meta)


def small_grid(grid: Geometry, longest: int = LONGEST) -> Geometry:
    """A grid over the same field of view with at most so many samples along its longer side.

    >>> small_grid(Geometry.picture((4000, 1000)), 500).shape
    (500, 125)
    """
    step = max(1.0, max(grid.shape) / longest)
    return grid if step == 1.0 else grid.resized([max(1, round(n / step)) for n in grid.shape])


def _rows(grid: Geometry, start: int, count: int) -> Window:
    return Window((start, *[0] * (grid.axes - 1)), (min(count, grid.shape[0] - start), *grid.shape[1:]))


def _stored(values: NDArray[np.float32], image: Image) -> NDArray[np.generic]:
    """Bytes again where the image has bytes, so that colours stay colours."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8) if image.meta.get("bits") == 8 else values
