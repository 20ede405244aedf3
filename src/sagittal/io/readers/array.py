"""Arrays: npy, npz and HDF5, without pickles; a row of the first axis is an image."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image
from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io._reader import Format, Reader, starts
from sagittal.io._recent import Recent, array_bytes
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._array_place import PLACES, stated
from sagittal.io.readers._hdf5 import hdf5_array, hdf5_shapes
from sagittal.io.readers._named import named, row_of
from sagittal.io.readers._npy import map_npy, member_names, member_shapes, read_member

_NPY = Format(name="npy", suffixes=(".npy",), matches=starts(b"\x93NUMPY"))
_NPZ = Format(name="npz", suffixes=(".npz",), matches=lambda h: h.startswith(b"PK\x03\x04") and _first_name(h).endswith(b".npy"))
_HDF5 = Format(name="HDF5", suffixes=(".h5", ".hdf5"), matches=starts(b"\x89HDF\r\n\x1a\n"))

_decoded: Recent[Values] = Recent(2**29, array_bytes)


def load_array(path: Path, part: str, limits: Limits) -> Values:
    """The array that a locator names, as it lies in the file; of ``name/12`` the twelfth row of ``name``.

    Raises:
        UnreadableInput: Broken, over a limit, not numbers; no such part; several arrays and none named.
    """
    with path.open("rb") as file:
        found = array.identify(file.read(4096))
    if found is _HDF5:
        values = hdf5_array(path, part, limits)
    elif found is _NPY:
        values = _row(map_npy(path, limits), part, path)
    else:
        values = _npz(path, part, limits)
    if values.dtype.kind not in "buif":
        raise UnreadableInput("NOT_NUMBERS", path, f"the array holds {values.dtype}, not numbers", "name another array")
    if 0 in values.shape:
        raise UnreadableInput("EMPTY", path, f"the array has shape {values.shape}: there are no samples", "leave it out")
    plain = values.astype(np.uint8) if values.dtype.kind == "b" else values
    return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))


def array_shapes(path: Path, limits: Limits) -> dict[str, tuple[int, ...]]:
    """The names and shapes of the arrays of numbers in an npz or HDF5 file, from headers alone.

    Raises:
        UnreadableInput: Broken, or over a limit.
    """
    with path.open("rb") as file:
        found = array.identify(file.read(4096))
    if found is _HDF5:
        return hdf5_shapes(path, limits)
    return member_shapes(path, limits) if found is _NPZ else {}


def as_image(values: Values, meta: dict[str, object]) -> Image:
    """An array as an image; the axes are told from the shape.

    A number or a row ``(C,)`` is a table row; ``(y, x)`` a grey picture; ``(y, x, 1|3|4)`` and ``(1|3|4, y, x)``
    a picture with channels (the last axis is looked at first); other three axes a volume ``(i, j, k)``;
    ``(i, j, k, 1|3|4)`` a volume with channels.

    Raises:
        UnreadableInput: More axes than that.

    >>> as_image(np.zeros((28, 28, 3), np.uint8), {}).geometry.shape
    (28, 28)
    """
    if values.ndim <= 1:
        return Image.of(np.atleast_1d(values), Geometry.none(), meta=meta)
    if values.ndim == 2:
        return Image.of(values[None], Geometry.picture(values.shape), meta=meta)
    if values.ndim in {3, 4} and values.shape[-1] in {1, 3, 4} and min(values.shape[:-1]) > 4:
        values = np.moveaxis(values, -1, 0)
    elif values.ndim == 3 and not (values.shape[0] in {1, 3, 4} and min(values.shape[1:]) > 4):
        values = values[None]
    elif values.ndim > 3:
        raise UnreadableInput("TOO_MANY_AXES", str(values.shape), f"an array of {values.ndim} axes is no image", "name a row of it")
    shape = values.shape[1:]
    geometry = Geometry.picture(shape) if len(shape) == 2 else Geometry(shape=shape, affine=np.eye(4))
    return Image.of(values, geometry, meta=meta)


def _open(path: Path, part: str, limits: Limits) -> Image:
    values = load_array(path, part, limits)
    if values.ndim > 4 or (values.ndim == 4 and values.shape[-1] not in {1, 3, 4}):
        what = f"an array of shape {values.shape} is many images"
        raise UnreadableInput("SEVERAL_PICTURES", path, what, f"name a row of it: {path}::{part or 'NAME'}/0")
    bits = values.dtype.itemsize * 8
    image = as_image(values, {"format": "array", "bits": bits, "mode": str(values.dtype)})
    if image.geometry.axes != 3:
        return image
    with decoding(path, "array"):
        geometry = stated(path, image.geometry.shape, limits, packed=zipfile.is_zipfile(path))
    return image if geometry is None else replace(image, geometry=geometry)


def _npz(path: Path, part: str, limits: Limits) -> Values:
    with decoding(path, "npz"):
        limits.check_file(path, path.stat().st_size)
        names = member_names(path)
        name, row = named(part, names, path, kind="array", beside=PLACES)

        def decode() -> NDArray[Any]:
            return read_member(path, name, limits)

        return _row(_decoded.get(path, name, decode), row, path)


def _row(values: Values, row: str, path: Path) -> Values:
    if not row:
        return values
    found: Values = values[row_of(row, values.shape, f"{path}::{row}", "the array")]
    return np.asarray(found)


def _first_name(head: bytes) -> bytes:
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length]


array = Reader(name="array", formats=(_NPY, _NPZ, _HDF5), open=_open)
