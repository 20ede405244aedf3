"""The values of a volume on their way to a file: their type there, and some planes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Image
from sagittal.core.image import Values
from sagittal.errors import UsageError

_CHUNK = 2**22


def kind_on_disk(values: Values, path: Path) -> np.dtype[Any]:
    """The type on disk: the values' own, but the smallest integer that holds them for integers of 4 and 8 bytes.

    Truth values become uint8, float16 float32.

    Raises:
        UsageError: No numbers.

    >>> str(kind_on_disk(np.array([0, 3]), Path("a.nii")))
    'uint8'
    """
    kind = values.dtype
    if kind.kind == "b":
        return np.dtype(np.uint8)
    if kind.kind == "f" and kind.itemsize in {2, 4, 8}:
        return np.dtype(np.float32) if kind.itemsize == 2 else kind.newbyteorder("=")
    if kind.kind not in "iu":
        raise UsageError("VALUE_KIND", path, f"values of the kind {kind} are not written", "convert them to float32 or an integer")
    if kind.itemsize <= 2 or not values.size:
        return kind.newbyteorder("=")
    low, high = int(values.min()), int(values.max())
    return next(t for t in map(np.dtype, "bhiq" if low < 0 else "BHIQ") if np.iinfo(t).min <= low and high <= np.iinfo(t).max)


def planes(values: Values, kind: np.dtype[Any]) -> Iterator[bytes]:
    """The bytes of values ``(C, i, j, k)``, channel after channel, i fastest, little-endian; no second volume is held."""
    step = max(1, _CHUNK // max(1, values[0, :, :, 0].nbytes))
    for channel in values:
        for k in range(0, channel.shape[2], step):
            yield np.asarray(channel[:, :, k : k + step], dtype=kind.newbyteorder("<")).tobytes(order="F")


def interleaved(values: Values, kind: np.dtype[Any]) -> Iterator[bytes]:
    """The same with the values of a sample together."""
    for k in range(values.shape[3]):
        yield np.asarray(values[:, :, :, k], dtype=kind.newbyteorder("<")).tobytes(order="F")


def world_of(image: Image, path: Path) -> NDArray[np.float64]:
    """The affine of a volume in mm, ``(4, 4)``.

    Raises:
        UsageError: Not a volume.
    """
    if image.geometry.axes != 3:
        raise UsageError("NOT_A_VOLUME", path, f"an image of {image.geometry.axes} axes", "write a picture as .png or .tif")
    to_mm = 0.001 if image.geometry.unit == "um" else 1.0
    world: NDArray[np.float64] = np.diag([to_mm] * 3 + [1.0]) @ image.geometry.affine
    return world
