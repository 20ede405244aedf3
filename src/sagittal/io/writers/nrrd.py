"""Volumes to NRRD, gzipped inside; the same input gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.readers._grid import LPS_TO_RAS
from sagittal.io.writers._planes import interleaved, kind_on_disk, world_of

_TYPES = {"i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16", "i4": "int32", "u4": "uint32", "f4": "float", "f8": "double"}
_TYPES |= {"i8": "int64", "u8": "uint64"}


def _write(image: Image, path: Path) -> None:
    """A volume of three axes with its directions in LPS and mm; channels are the values of a sample.

    Raises:
        UsageError: Not a volume, or values that are no numbers.
        StorageFailure: Disk full, read-only, not permitted.
    """
    world = LPS_TO_RAS @ world_of(image, path)
    values = image.read()
    kind = kind_on_disk(values, path)
    several = len(values) > 1
    sizes = [*([len(values)] if several else []), *values.shape[1:]]
    fields = {
        "type": _TYPES[kind.str[1:]],
        "dimension": str(len(sizes)),
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, sizes)),
        "space directions": " ".join([*(["none"] if several else []), *(_vector(world[:3, k]) for k in range(3))]),
        "kinds": " ".join([*(["vector"] if several else []), *["domain"] * 3]),
        "endian": "little",
        "encoding": "gzip",
        "space origin": _vector(world[:3, 3]),
    }
    from isal import igzip

    zipper: Any = igzip.IGzipFile
    with atomic.writing(path) as file:
        file.write(("NRRD0004\n" + "".join(f"{name}: {value}\n" for name, value in fields.items()) + "\n").encode("ascii"))
        with zipper(filename="", mode="wb", fileobj=file, compresslevel=2, mtime=0) as zipped:
            for block in interleaved(values, kind):
                zipped.write(block)


def _vector(numbers: Any) -> str:
    return "(" + ",".join(repr(float(v)) for v in numbers) + ")"


nrrd = Writer(name="nrrd", suffixes=(".nrrd",), write=_write)
