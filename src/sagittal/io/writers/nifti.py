"""Volumes to NIfTI, plain or gzipped; the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.writers._planes import interleaved, kind_on_disk, planes, world_of

_LONGEST_AXIS = 32767
_VECTOR = 1007
_QFORM_MM = 1e-3
_COLOURS = ("red", "green", "blue")
_RGB = np.dtype([("R", np.uint8), ("G", np.uint8), ("B", np.uint8)])


def _write(image: Image, path: Path) -> None:
    """A volume of three axes: NIfTI-1, or NIfTI-2 where an axis is longer than 32,767.

    The affine is written as sform and, where it has no shear, as qform; the unit is mm; nothing is said that could
    identify anybody. Channels red, green and blue of 8 bits are colours (RGB24); all others are the vector of a sample
    (the fifth axis, with its intent), which says that they are no time points; with ``meta["time_points"]`` they are, on
    the fourth axis. Values keep their type, but integers of four and eight bytes take the smallest type that holds them
    (a label map becomes uint8), truth values uint8, float16 float32.

    Raises:
        UsageError: Not a volume, or values that NIfTI does not have.
        StorageFailure: Disk full, read-only, not permitted.
    """
    world = world_of(image, path)
    values = image.read()
    kind = kind_on_disk(values, path)
    colours = image.channels == _COLOURS and kind == np.uint8
    blocks = interleaved(values, kind) if colours else planes(values, kind)
    shape, stored = ((1, *values.shape[1:]), _RGB) if colours else (values.shape, kind)
    header = _header(shape, stored, world, patient=image.geometry.frame == "patient", timed="time_points" in image.meta)
    with atomic.writing(path) as file:
        if path.name.lower().endswith(".gz"):
            from isal import igzip

            zipper: Any = igzip.IGzipFile
            with zipper(filename="", mode="wb", fileobj=file, compresslevel=2, mtime=0) as zipped:
                _put(zipped, header, blocks)
        else:
            _put(file, header, blocks)


def _put(file: BinaryIO, header: bytes, blocks: Iterable[bytes]) -> None:
    file.write(header)
    for block in blocks:
        file.write(block)


def _header(shape: tuple[int, ...], kind: np.dtype[Any], world: NDArray[np.float64], *, patient: bool, timed: bool) -> bytes:
    import nibabel

    channels, *grid = shape
    kinds: Any = nibabel
    made = kinds.Nifti1Header() if max(grid) <= _LONGEST_AXIS else kinds.Nifti2Header()
    made.set_data_dtype(kind)
    vector = (channels,) if timed else (1, channels)
    made.set_data_shape((*grid, *vector) if channels > 1 else grid)
    if channels > 1 and not timed:
        made["intent_code"] = _VECTOR
    code = "scanner" if patient else "aligned"
    made.set_sform(world, code=code)
    made.set_qform(world, code=code)
    # a qform has no room for shear: rather none than one that says something else
    far = np.abs((made.get_qform() - world) @ np.array([*grid, 1.0])).max() + np.abs((made.get_qform() - world)[:3, :3]).max() * max(grid)
    if far > _QFORM_MM * max(1.0, float(np.abs(world).max()) / 100):
        made.set_qform(None, code=0)
        made["pixdim"][1:4] = np.linalg.norm(world[:3, :3], axis=0)
    made.set_xyzt_units("mm", "sec")
    made["vox_offset"] = made.sizeof_hdr + 4
    made["magic"] = b"n+1" if made.sizeof_hdr == 348 else made["magic"]
    return bytes(made.binaryblock) + bytes(4)


nifti = Writer(name="nifti", suffixes=(".nii", ".nii.gz"), write=_write)
