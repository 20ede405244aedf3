"""Pictures: PNG, JPEG, TIFF and BMP of 1 to 16 bits, grey or colour, with alpha or a palette."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sagittal.core import Image
from sagittal.errors import UnreadableInput
from sagittal.io import _sniff
from sagittal.io._reader import Begun, Format, Reader, starts
from sagittal.io.guard import Limits
from sagittal.io.readers._bmp import bmp
from sagittal.io.readers._jpeg import jpeg
from sagittal.io.readers._micrometres import STATED, in_micrometres, stated
from sagittal.io.readers._picture import Picture
from sagittal.io.readers._png import png
from sagittal.io.readers._tiff import tiff

_PNG = Format(name="PNG", suffixes=(".png",), matches=starts(b"\x89PNG\r\n\x1a\n"), sure=True)
_JPEG = Format(name="JPEG", suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"), matches=starts(b"\xff\xd8\xff"), sure=True)
_TIFF = Format(name="TIFF", suffixes=(".tif", ".tiff"), matches=starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))
_BMP = Format(name="BMP", suffixes=(".bmp", ".dib"), matches=lambda h: h[:2] == b"BM" and len(h) >= 26 and h[6:10] == b"\0\0\0\0")


def _open(path: Path, part: str, limits: Limits) -> Image:
    return _resume(path, part, limits, _sniff.begin(path))


def _resume(path: Path, part: str, limits: Limits, begun: Begun) -> Image:
    """The picture in a file, upright; its header is checked now, its pixels are decoded when read.

    Values are unsigned, 8 or 16 bits, ``(C, rows, columns)``: grey, red green blue, and ``alpha`` last where the
    file has one. One-bit pictures give 0 and 255; a palette gives its colours. ``part`` may be ``mpp=0.5``: micrometres a
    pixel as the user states them, in which the picture then lies.

    Raises:
        UnreadableInput: Broken, truncated, over a limit, or of a kind that is not read (each is named).
    """
    if part.startswith(f"{STATED}="):
        size = stated(path, part)
        picture = _resume(path, "", limits, begun)
        return picture if size is None else in_micrometres(picture, size)
    head = begun.head
    if _TIFF.matches(head):
        return tiff(path, part, limits).image(path)
    if part:
        raise UnreadableInput("NO_SUCH_PART", path, f"a picture has no part {part!r}", "leave out what follows ::")
    if _JPEG.matches(head):
        return jpeg(path, limits, head, size=begun.size).image(path)
    family: dict[str, Callable[[Path, Limits], Picture]] = {"PNG": png, "BMP": bmp}
    found = raster.identify(head)
    if found is None:
        raise UnreadableInput("UNKNOWN_CONTENT", path, "it is no picture", "check what it is, or leave it out")
    return family[found.name](path, limits).image(path)


raster = Reader(name="raster", formats=(_PNG, _JPEG, _TIFF, _BMP), open=_open, resume=_resume)
