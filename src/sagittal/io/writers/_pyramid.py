"""Pyramidal TIFF files, written row by row: the whole picture is never in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.io import atomic

TILE = 256

Rows = Callable[[int, int], NDArray[Any]]
"""Gives rows ``start`` to ``stop`` of the finest level, ``(rows, columns)`` or ``(rows, columns, C)``."""


def write_pyramid(
    path: Path,
    rows: Rows,
    shape: tuple[int, ...],
    *,
    mpp: float | tuple[float, float] | None = None,
    levels: int = 4,
    dtype: Any = np.uint8,
    stamp: bool = True,
) -> None:
    """Write a tiled TIFF with smaller copies of itself; coarser levels take every second sample, so that classes stay classes.

    Args:
        path: It is there when it is whole.
        rows: Asked for bands of rows, from the first to the last, once a level.
        shape: Rows and columns, and channels where there are any.
        mpp: Micrometres from sample to sample, along rows and columns.
        levels: How many grids at most; none is smaller than a tile.
        dtype: Of the samples.
        stamp: Say which program wrote it.
    """
    import tifffile

    steps = [2**n for n in range(levels) if n == 0 or min(shape[:2]) // 2**n >= TILE]
    along, across = mpp if isinstance(mpp, tuple) else (mpp, mpp)
    # The file has a number for a name until it is whole.
    with (
        atomic.writing(path) as file,
        tifffile.TiffWriter(tifffile.FileHandle(file, name=path.name), bigtiff=np.prod(shape, dtype=float) > 2**31) as writer,
    ):
        for step in steps:
            small = (-(-shape[0] // step), -(-shape[1] // step), *shape[2:])
            at: dict[str, Any] = {}
            if along and across:
                at = {"resolution": (1e4 / across / step, 1e4 / along / step), "resolutionunit": "CENTIMETER"}
            writer.write(
                _tiles(rows, shape, step),
                shape=small,
                dtype=dtype,
                tile=(TILE, TILE),
                compression="zlib",
                photometric="rgb" if len(shape) == 3 else "minisblack",
                subifds=len(steps) - 1 if step == 1 else None,
                subfiletype=0 if step == 1 else 1,
                software="sagittal" if stamp else False,
                metadata=None,
                **at,
            )


def _tiles(rows: Rows, shape: tuple[int, ...], step: int) -> Iterator[NDArray[Any]]:
    """All tiles of a level in order, those at the far sides padded with zeros."""
    deep, wide = -(-shape[0] // step), -(-shape[1] // step)
    for top in range(0, deep, TILE):
        # A row of tiles of a coarse level spans very many rows: they are asked for a few at a time, and a view would keep all of them.
        starts = range(top * step, min((top + TILE) * step, shape[0]), max(TILE, step))
        band = np.concatenate([rows(at, min(at + max(TILE, step), shape[0]))[::step, ::step].copy() for at in starts])
        for left in range(0, wide, TILE):
            part = band[:, left : left + TILE]
            whole = np.zeros((TILE, TILE, *shape[2:]), part.dtype)
            whole[: part.shape[0], : part.shape[1]] = part
            yield whole
