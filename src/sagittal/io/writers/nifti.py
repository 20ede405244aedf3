"""Volumes to NIfTI-1, plain or gzipped; the same input gives the same bytes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from sagittal.core import Image
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io._reader import Writer

_TO_MM = {"mm": 1.0, "um": 0.001, "px": 1.0, "none": 1.0}
_KINDS = {"b": np.uint8, "e": np.float32}


def _write(image: Image, path: Path) -> None:
    """A volume of three axes with its affine as sform and, where it has no shear, qform; channels become the fourth axis.

    Raises:
        UsageError: Not a volume.
    """
    import nibabel

    if image.geometry.axes != 3:
        raise UsageError("NOT_A_VOLUME", path, f"an image of {image.geometry.axes} axes", "write a picture as .png or .tif")
    values = np.moveaxis(image.read(), 0, 3)
    kind = values.dtype.newbyteorder("=")
    values = values.astype(_KINDS.get(kind.kind, kind) if kind.itemsize != 2 or kind.kind != "f" else np.float32)
    world = np.diag([_TO_MM[image.geometry.unit]] * 3 + [1.0]) @ image.geometry.affine
    kinds: Any = nibabel
    made = kinds.Nifti1Image(values[..., 0] if values.shape[3] == 1 else values, world, dtype=values.dtype)
    code = "scanner" if image.geometry.frame == "patient" else "aligned"
    made.set_sform(world, code=code)
    made.set_qform(world, code=code)
    made.header.set_xyzt_units("mm")
    data = made.to_bytes()
    if path.name.lower().endswith(".gz"):
        data = gzip.compress(data, compresslevel=4, mtime=0)
    atomic.write_bytes(path, data)


nifti = Writer(name="nifti", suffixes=(".nii", ".nii.gz"), write=_write)
