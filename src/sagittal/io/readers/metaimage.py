"""MetaImage volumes (MHA, MHD): values on a grid, turned from LPS to RAS+ millimetres."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Image
from sagittal.errors import UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._beside import beside
from sagittal.io.readers._grid import LPS_TO_RAS
from sagittal.io.readers._volume import Volume, volume_image

_LONGEST = 2**16
_AGAIN = "copy it again from its source"
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i8",
    "MET_ULONG": "u8",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_FIRST = re.compile(rb"\s*(ObjectType|NDims|Comment|ObjectSubType|Name|ID)\s*=", re.IGNORECASE)


def _matches(head: bytes) -> bool:
    return _FIRST.match(head) is not None and b"NDims" in head


def _open(path: Path, part: str, limits: Limits) -> Image:
    """The volume in a MetaImage file: ``(C, i, j, k)`` in the order of the file, its affine to RAS+ in mm.

    Values lie behind the header (``LOCAL``) or in a file of the same folder, plain or zlib. A plane is a volume of one
    slice.

    Raises:
        UnreadableInput: Broken, truncated, over a limit; a list of files; more than three axes.
        Refused: Values in another folder (``DATA_FILE``); an affine that cannot be (``AFFINE``).
    """
    if part:
        raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", "a MetaImage has no parts", "leave out what follows ::")
    with decoding(path, "MetaImage"):
        fields, end = _fields(path)
        shape, affine = _grid(fields, path)
        stored = fields.get("ElementDataFile", "")
        local = stored.upper() == "LOCAL"
        if not local and (stored.upper().startswith("LIST") or "%" in stored):
            raise UnreadableInput("UNSUPPORTED", path, "its values lie in a list of files", "convert it to NIfTI")
        file = path if local else beside(path, stored)
        kind = _TYPES.get(fields.get("ElementType", ""))
        if kind is None or not _true(fields, "BinaryData", default=True):
            raise UnreadableInput(
                "UNSUPPORTED", path, f"values of the kind {fields.get('ElementType', '?')[:40]} are not read", "convert it to NIfTI"
            )
        big = _true(fields, "BinaryDataByteOrderMSB") or _true(fields, "ElementByteOrderMSB")
        packed = _true(fields, "CompressedData")
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        begin = end if local else int(fields.get("HeaderSize", "0"))
        dtype = np.dtype(kind).newbyteorder(">" if big else "<")
        if begin == -1:  # the values are the end of the file, whatever comes before
            begin = max(0, file.stat().st_size - math.prod(shape) * max(channels, 1) * dtype.itemsize)
        volume = Volume(
            path=path,
            file=file,
            format="MetaImage",
            shape=shape,
            channels=channels,
            interleaved=True,
            dtype=dtype,
            begin=begin,
            form="zlib" if packed else None,
            affine=affine,
            source="TransformMatrix" if "TransformMatrix" in fields else "ElementSpacing",
        )
        return volume_image(volume, limits)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields by name, and where the header ends: behind the line of ``ElementDataFile``, which is the last one."""
    with path.open("rb") as file:
        head = file.read(_LONGEST)
    found: dict[str, str] = {}
    at = 0
    while at < len(head):
        stop = head.find(b"\n", at)
        line = head[at : stop if stop >= 0 else len(head)].decode("latin-1")
        at = stop + 1 if stop >= 0 else len(head)
        key, equals, value = line.partition("=")
        if not equals and line.strip():
            break
        found[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            return found, at
    raise UnreadableInput("TRUNCATED", path, "its header does not say where the values are", _AGAIN)


def _grid(fields: dict[str, str], path: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    if fields.get("ObjectType", "Image") != "Image":
        raise UnreadableInput("UNSUPPORTED", path, f"it holds a {fields['ObjectType'][:20]}, not an image", "name an image")
    axes = int(fields.get("NDims", "0"))
    if axes not in {2, 3}:
        raise UnreadableInput("TOO_MANY_AXES", path, f"an image of {axes} axes", "save volumes of three axes")
    shape = [int(n) for n in fields.get("DimSize", "").split()]
    turn = _numbers(fields, ("TransformMatrix", "Rotation", "Orientation"), [float(v) for v in np.eye(axes).ravel()], path)
    offset = _numbers(fields, ("Offset", "Position", "Origin"), [0.0] * axes, path)
    steps = _numbers(fields, ("ElementSpacing", "ElementSize"), [1.0] * axes, path)
    if len(shape) != axes:
        raise UnreadableInput("BROKEN", path, f"{axes} axes, and {len(shape)} sizes", _AGAIN)
    if not np.isfinite([*turn, *offset, *steps]).all():
        raise UnreadableInput("BROKEN", path, "its header has numbers that are none", _AGAIN)
    affine = np.eye(4)
    # the direction of an axis stands in a row of the file: a column of ours
    affine[:axes, :axes] = np.array(turn).reshape(axes, axes).T * steps
    affine[:axes, 3] = offset
    return (*shape, *[1] * (3 - axes)), LPS_TO_RAS @ affine


def _numbers(fields: dict[str, str], names: tuple[str, ...], default: list[float], path: Path) -> list[float]:
    text = next((fields[n] for n in names if n in fields), None)
    if text is None:
        return default
    found = [float(v) for v in text.split()]
    if len(found) != len(default):
        raise UnreadableInput("BROKEN", path, f"{names[0]} has {len(found)} numbers where {len(default)} are expected", _AGAIN)
    return found


def _true(fields: dict[str, str], name: str, *, default: bool = False) -> bool:
    return fields[name].lower() in {"true", "1"} if name in fields else default


_MHA = Format(name="MetaImage", suffixes=(".mha", ".mhd"), matches=_matches)
metaimage = Reader(name="metaimage", formats=(_MHA,), open=_open)
