"""Volumes to MetaImage (MHA), zlib-packed; the same input gives the same bytes."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.readers._grid import LPS_TO_RAS
from sagittal.io.writers._planes import interleaved, kind_on_disk, world_of

_TYPES = {"i1": "CHAR", "u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "i4": "INT", "u4": "UINT", "f4": "FLOAT", "f8": "DOUBLE"}
_TYPES |= {"i8": "LONG_LONG", "u8": "ULONG_LONG"}


def _write(image: Image, path: Path) -> None:
    """A volume of three axes with its affine in LPS and mm; channels are the values of a sample.

    Raises:
        UsageError: Not a volume, or values that are no numbers.
        StorageFailure: Disk full, read-only, not permitted.
    """
    world = LPS_TO_RAS @ world_of(image, path)
    values = image.read()
    kind = kind_on_disk(values, path)
    packer = zlib.compressobj(1)
    data = b"".join([packer.compress(block) for block in interleaved(values, kind)] + [packer.flush()])
    steps = np.linalg.norm(world[:3, :3], axis=0)
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(data)),
        "TransformMatrix": _words((world[:3, :3] / steps).T),
        "Offset": _words(world[:3, 3]),
        "ElementSpacing": _words(steps),
        "DimSize": " ".join(map(str, values.shape[1:])),
        "ElementNumberOfChannels": str(len(values)),
        "ElementType": f"MET_{_TYPES[kind.str[1:]]}",
        "ElementDataFile": "LOCAL",
    }
    head = "".join(f"{name} = {value}\n" for name, value in fields.items())
    atomic.write_bytes(path, head.encode("ascii") + data)


def _words(numbers: object) -> str:
    return " ".join(repr(float(v)) for v in np.asarray(numbers).ravel())


metaimage = Writer(name="metaimage", suffixes=(".mha",), write=_write)
