"""TIFF: directories read by tifffile, pixels by tifffile, Pillow or OpenCV, whichever knows the compression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding, quiet
from sagittal.io.readers._picture import Picture, turn

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _CMYK, _YCBCR = range(7)
_PLAIN = {1, 8, 32946}  # none and both numbers of deflate: what tifffile decodes by itself
_COLOURS = ("red", "green", "blue")
_KINDS = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _PALETTE: "P", _CMYK: "CMYK", _YCBCR: "YCbCr"}
_REDUCED_OR_MASK = 1 | 4
_MOST_PAGES = 4096
_UNTURN = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What one directory says."""

    number: int
    shape: tuple[int, int]
    samples: int
    planar: bool
    bits: int
    dtype: np.dtype[Any]
    photometric: int
    compression: int
    alpha: bool
    orientation: int
    alone: bool

    @property
    def colour(self) -> bool:
        """Whether its pixels end up as red, green and blue."""
        return self.photometric in {_RGB, _PALETTE, _CMYK, _YCBCR}

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what is decoded."""
        base = _COLOURS if self.colour else ("value",)
        expected = {_RGB: 3, _CMYK: 4, _YCBCR: 3}.get(self.photometric, 1)
        extra = 0 if self.photometric == _CMYK else self.samples - expected
        names = tuple("alpha" if self.alpha and i == extra - 1 else f"c{len(base) + i}" for i in range(extra))
        return (*base, *names)

    @property
    def decoder(self) -> Literal["tifffile", "pillow", "opencv"]:
        """Which library reads this kind exactly."""
        whole_bytes = self.bits >= 8 and self.bits % 8 == 0
        if self.compression in _PLAIN and whole_bytes and self.photometric <= _PALETTE:
            return "tifffile"
        small = self.bits <= 8 or (self.bits == 16 and self.samples == 1)
        return "pillow" if small else "opencv"


def tiff(path: Path, part: str, limits: Limits) -> Picture:
    """The picture in a TIFF file, or in the directory that ``part`` counts (from 0).

    Values keep their type: unsigned, signed or floating. White-is-zero is turned over. Smaller copies and masks
    of a picture are not counted as pictures.

    Raises:
        UnreadableInput: Broken, truncated, over a limit; several pictures and no part; a kind that is not read.
    """
    page = _page(path, part, limits)
    return Picture(
        shape=page.shape,
        channels=page.channels,
        sample_bytes=page.dtype.itemsize * len(page.channels),
        orientation=page.orientation,
        meta={"format": "TIFF", "bits": page.bits, "mode": _KINDS[page.photometric]},
        decode=lambda: _decode(path, page),
    )


def tiff_indices(path: Path, part: str, limits: Limits) -> Values | None:
    """The stored numbers of a grey or palette TIFF, ``(rows, columns)``, not stretched, no palette applied.

    For label maps; None for a colour picture.
    """
    page = _page(path, part, limits)
    if page.samples != 1 or page.photometric not in {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _PALETTE}:
        return None
    if page.orientation != 1:
        raise UnreadableInput("UNSUPPORTED", path, "a label map that is to be turned when shown", "save it upright")
    with decoding(path, "TIFF"), quiet("tifffile", "PIL"):
        if page.photometric == _PALETTE:
            return _by_tifffile(path, page) if page.decoder == "tifffile" else _by_pillow(path, page, raw=True)
        grey = _decode(path, page)
    return grey // np.array(255 // (2**page.bits - 1), grey.dtype) if page.bits < 8 else grey


def _page(path: Path, part: str, limits: Limits) -> _Page:
    import tifffile

    with decoding(path, "TIFF"), quiet("tifffile", "PIL"), tifffile.TiffFile(path) as opened:
        size = path.stat().st_size
        limits.check_file(path, size)
        if len(opened.pages) > _MOST_PAGES:
            raise UnreadableInput("OVER_LIMIT", path, f"it has more than {_MOST_PAGES} directories", "split it")
        full = [i for i, p in enumerate(opened.pages) if not int(p.aspage().subfiletype) & _REDUCED_OR_MASK] or [0]
        number = _chosen(full, part, path)
        raw = opened.pages[number].aspage()
        page = _described(raw, number, path, alone=len(opened.pages) == 1)
        width = page.dtype.itemsize * len(page.channels)
        limits.check(path, page.shape, width, stored=size)
        _check_segments(raw, page, size, path)
    return page


def _chosen(full: list[int], part: str, path: Path) -> int:
    if not part:
        if len(full) > 1:
            what, first = f"it holds {len(full)} pictures, and none is named", f"{path}::0"
            raise UnreadableInput("SEVERAL_PICTURES", path, what, f"name one, from 0: {first}")
        return full[0]
    if not part.isascii() or not part.isdigit() or int(part) >= len(full):
        raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"it holds {len(full)} pictures, counted from 0", "name one of them")
    return full[int(part)]


def _described(raw: Any, number: int, path: Path, *, alone: bool) -> _Page:
    bits = raw.bitspersample
    kind = int(raw.photometric)
    dtype = np.dtype(np.uint8) if raw.dtype == np.bool_ else raw.dtype
    if kind not in _KINDS or dtype is None or not isinstance(bits, int) or raw.imagedepth != 1:
        raise UnreadableInput(
            "UNSUPPORTED", path, f"a TIFF of this kind is not read ({bits} bits, photometric {kind})", "convert it to PNG"
        )
    if dtype.kind not in "uif" or bits not in {1, 2, 4, 8, 16, 32, 64} or (kind == _WHITE_IS_ZERO and dtype.kind != "u"):
        raise UnreadableInput("UNSUPPORTED", path, f"a TIFF of {bits}-bit {dtype} samples is not read", "convert it to PNG")
    extra = tuple(int(e) for e in raw.extrasamples or ())
    turned = raw.tags.valueof(274, 1)
    page = _Page(
        number=number,
        shape=(raw.imagelength, raw.imagewidth),
        samples=raw.samplesperpixel,
        planar=int(raw.planarconfig or 1) == 2,
        bits=bits,
        dtype=dtype,
        photometric=kind,
        compression=int(raw.compression),
        alpha=bool(extra) and extra[-1] in {1, 2},
        orientation=turned if isinstance(turned, int) and 1 <= turned <= 8 else 1,
        alone=alone,
    )
    least = {_RGB: 3, _CMYK: 4, _YCBCR: 3}.get(kind, 1)
    most = 1 if kind == _PALETTE else least + 8
    if not least <= page.samples <= most:
        raise UnreadableInput(
            "UNSUPPORTED", path, f"a TIFF of {page.samples} samples a pixel (photometric {kind}) is not read", "convert it"
        )
    return page


def _check_segments(raw: Any, page: _Page, size: int, path: Path) -> None:
    """Every strip or tile is in the file: missing ones would silently be black."""
    starts, counts = raw.dataoffsets, raw.databytecounts
    rows, columns = page.shape
    deep = raw.tilelength or max(1, min(raw.rowsperstrip or rows, rows))
    wide = raw.tilewidth or columns
    needed = -(-rows // deep) * -(-columns // wide) * (page.samples if page.planar else 1)
    if len(starts) < needed or len(counts) < needed:
        raise UnreadableInput(
            "BROKEN", path, f"{needed} strips or tiles are needed, {len(starts)} are listed", "copy it again from its source"
        )
    if any(n <= 0 or at <= 0 for at, n in zip(starts, counts, strict=False)):
        raise UnreadableInput("BROKEN", path, "some of its strips or tiles are missing", "copy it again from its source")
    end = max(at + n for at, n in zip(starts, counts, strict=False))
    plain = -(-columns * page.bits * page.samples // 8) * rows if page.compression == 1 and page.photometric != _YCBCR else 0
    if end > size or plain > sum(counts):
        what = f"the file ends after {size:,} bytes; its pixels need {max(end, plain):,}"
        raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")


def _decode(path: Path, page: _Page) -> Values:
    with decoding(path, "TIFF"), quiet("tifffile", "PIL"):
        if page.decoder == "opencv":
            return _by_opencv(path, page)
        if page.decoder == "pillow":
            return _by_pillow(path, page, raw=False)
        values = _by_tifffile(path, page)
        if page.photometric == _WHITE_IS_ZERO:
            return np.asarray(np.array(np.iinfo(page.dtype).max, page.dtype) - values)
        return _through_palette(path, page, values) if page.photometric == _PALETTE else values


def _by_tifffile(path: Path, page: _Page) -> Values:
    import tifffile

    with tifffile.TiffFile(path) as opened:
        values: Values = opened.pages[page.number].aspage().asarray(maxworkers=1)
    values = values.reshape((page.samples, *page.shape) if page.planar else (*page.shape, page.samples))
    deep: Values = np.moveaxis(values, 0, 2) if page.planar else values
    return deep[:, :, :1].reshape(page.shape) if page.samples == 1 else deep


def _through_palette(path: Path, page: _Page, indices: Values) -> Values:
    import tifffile

    with tifffile.TiffFile(path) as opened:
        table = np.asarray(opened.pages[page.number].aspage().colormap)
    colours = np.asarray(table >> 8 if table.max(initial=0) > 255 else table, dtype=np.uint8)
    return np.take(colours.T, indices.astype(np.intp), axis=0)


def _by_pillow(path: Path, page: _Page, *, raw: bool) -> Values:
    from PIL import Image

    with Image.open(path, formats=["TIFF"]) as opened:
        opened.seek(page.number)
        opened.load()
        shown: Any = opened
        if not raw:
            wanted = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "La": "LA", "RGBX": "RGB", "RGBa": "RGBA", "PA": "RGBA"}
            shown = opened.convert(wanted[opened.mode]) if opened.mode in wanted else opened
        values = np.asarray(shown)
    if page.bits == 16 and page.photometric == _WHITE_IS_ZERO:
        values = np.array(65535, np.uint16) - values  # Pillow turns over 8 bits only
    # Pillow has turned it already, and the turn is ours to make
    return turn(values, _UNTURN[page.orientation])


def _by_opencv(path: Path, page: _Page) -> Values:
    import cv2

    if page.orientation != 1 or not page.alone or page.photometric not in {_BLACK_IS_ZERO, _RGB} or page.samples not in {1, 3, 4}:
        what = f"a TIFF of {page.samples} x {page.bits} bits with compression {page.compression} is not read when turned or one of several"
        raise UnreadableInput("UNSUPPORTED", path, what, "save it without compression")
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(before)
    if values is None or values.dtype != page.dtype:
        raise ValueError(f"compression {page.compression} of {page.dtype} samples")
    return np.asarray(values) if values.ndim == 2 else np.take(values, [2, 1, 0, 3][: values.shape[2]], axis=2)
