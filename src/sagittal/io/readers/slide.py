"""Slides: pyramidal and large TIFF, SVS and the other formats of OpenSlide, DICOM whole slide images."""

from __future__ import annotations

import struct
from pathlib import Path

from sagittal.core import Image
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits
from sagittal.io.readers._micrometres import stated
from sagittal.io.readers._slide_dicom import is_slide
from sagittal.io.readers._slide_openslide import open_slide, vendor_of
from sagittal.io.readers._slide_tiff import tiff_slide
from sagittal.io.readers.raster import raster

LARGE = 6000 * 6000
"""A tiled TIFF of more pixels is read as a slide, one of fewer as a picture, unless it has smaller copies of itself."""

BY_TILES = (None, "aperio", "generic-tiff")
"""Kinds of TIFF whose tiles are decoded here, which is faster; the others go through OpenSlide, which knows their oddities."""

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_TAGS = 4096


def _never(head: bytes) -> bool:
    return False


_SVS = Format(name="SVS", suffixes=(".svs",), matches=_never)
_FORMATS = (
    _SVS,
    Format(name="NDPI", suffixes=(".ndpi",), matches=_never),
    Format(name="SCN", suffixes=(".scn",), matches=_never),
    Format(name="BIF", suffixes=(".bif",), matches=_never),
    Format(name="MRXS", suffixes=(".mrxs",), matches=_never),
    Format(name="VMS", suffixes=(".vms", ".vmu"), matches=_never),
)
_TIFF = Format(name="TIFF slide", suffixes=(), matches=_never)
_DICOM = Format(name="DICOM slide", suffixes=(), matches=_never)
_NOT_TIFF = {".mrxs", ".vms", ".vmu"}


def _claims(path: Path, head: bytes) -> Format | None:
    """Whether a file is a slide: by its suffix, by what its DICOM header says it is, or by the first directory of a TIFF."""
    suffix = path.suffix.lower()
    named = next((f for f in _FORMATS if suffix in f.suffixes), None)
    if head[:4] in _MAGIC:
        return named if named is not None and suffix not in _NOT_TIFF else (_TIFF if _is_large(path) else None)
    if is_slide(head):
        return _DICOM
    return named if suffix in _NOT_TIFF and vendor_of(path) is not None else None


def _open(path: Path, part: str, limits: Limits) -> Image:
    """The slide in a file, its finest level; windows are decoded when read, coarser levels through ``coarser``.

    ``part`` may be ``mpp=0.5``: micrometres a pixel as the user states them, where the file does not say or is wrong. A slide
    of which nobody says it lies in a world of pixels.

    Raises:
        UnreadableInput: Broken, truncated, of a kind that is not read, or a tile over the limit.
    """
    size = stated(path, part)
    told = None if size is None else (size, size)
    vendor = vendor_of(path)
    with path.open("rb") as file:
        tiff = file.read(4) in _MAGIC
    if tiff and vendor in BY_TILES:
        found = tiff_slide(path, limits, told)
        if found is not None:
            return found.image()
        if vendor is None:
            return raster.read(path, part, limits)
    return open_slide(path, limits, told).image()


def _is_large(path: Path) -> bool:
    """Whether the first directory of a TIFF is tiled and has smaller copies, or has very many pixels."""
    try:
        tags, following = _first_directory(path)
    except (OSError, struct.error, ValueError):
        return False
    columns, rows = tags.get(256, 0), tags.get(257, 0)
    if rows * columns > LARGE:
        return True
    # A stack of pictures has a second directory too; a pyramid's first one is tiled
    return 322 in tags and (330 in tags or (following > 0 and _second_is_smaller(path, following, columns)))


def _second_is_smaller(path: Path, at: int, columns: int) -> bool:
    tags, _ = _first_directory(path, at)
    return bool(tags.get(254, 0) & 1) or 0 < tags.get(256, 0) <= columns // 2


def _first_directory(path: Path, at: int | None = None) -> tuple[dict[int, int], int]:
    """First values of the integer tags of a directory, and where the next one lies (0: nowhere)."""
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = struct.unpack_from(order + "H", head, 2)[0] == 43
        start = at if at is not None else struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0]
        file.seek(start)
        count = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))[0]
        if count > _MOST_TAGS:
            raise ValueError(f"{count} tags")
        size = 20 if big else 12
        body = file.read(count * size)
        tail = file.read(8 if big else 4)
    tags = {}
    for n in range(count):
        tag, kind = struct.unpack_from(order + "HH", body, n * size)
        value = n * size + (12 if big else 8)
        code = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(kind)
        if code is not None:
            tags[tag] = struct.unpack_from(order + code, body, value)[0]
    return tags, struct.unpack(order + ("Q" if big else "I"), tail)[0]


slide = Reader(name="slide", formats=_FORMATS, open=_open, claims=_claims)
