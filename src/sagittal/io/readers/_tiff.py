"""TIFF: pixels by tifffile, Pillow or OpenCV, whichever knows the compression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding, quiet
from sagittal.io.readers._picture import Picture, turn
from sagittal.io.readers._tiff_page import BLACK_IS_ZERO, KINDS, PALETTE, RGB, WHITE_IS_ZERO, Page, page_of

_UNTURN = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def tiff(path: Path, part: str, limits: Limits) -> Picture:
    """The picture in a TIFF file, or in the directory that ``part`` counts (from 0).

    Values keep their type: unsigned, signed or floating. White-is-zero is turned over. Smaller copies and masks
    of a picture are not counted as pictures.

    Raises:
        UnreadableInput: Broken, truncated, over a limit; several pictures and no part; a kind that is not read.
    """
    page = page_of(path, part, limits)
    return Picture(
        shape=page.shape,
        channels=page.channels,
        orientation=page.orientation,
        meta={"format": "TIFF", "bits": page.bits, "mode": KINDS[page.photometric]},
        decode=lambda: _decode(path, page),
    )


def tiff_indices(path: Path, part: str, limits: Limits) -> Values | None:
    """The stored numbers of a grey or palette TIFF, ``(rows, columns)``, not stretched, no palette applied.

    For label maps; None for a colour picture.
    """
    page = page_of(path, part, limits)
    if page.samples != 1 or page.photometric not in {WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE}:
        return None
    if page.orientation != 1:
        raise UnreadableInput("UNSUPPORTED", path, "a label map that is to be turned when shown", "save it upright")
    with decoding(path, "TIFF"), quiet("tifffile", "PIL"):
        if page.photometric == PALETTE:
            return _by_tifffile(path, page) if page.decoder == "tifffile" else _by_pillow(path, page, raw=True)
        grey = _decode(path, page)
    return grey // np.array(255 // (2**page.bits - 1), grey.dtype) if page.bits < 8 else grey


def _decode(path: Path, page: Page) -> Values:
    with decoding(path, "TIFF"), quiet("tifffile", "PIL"):
        if page.decoder == "opencv":
            return _by_opencv(path, page)
        if page.decoder == "pillow":
            return _by_pillow(path, page, raw=False)
        values = _by_tifffile(path, page)
        if page.photometric == WHITE_IS_ZERO:
            return np.asarray(np.array(np.iinfo(page.dtype).max, page.dtype) - values)
        return _through_palette(path, page, values) if page.photometric == PALETTE else values


def _by_tifffile(path: Path, page: Page) -> Values:
    import tifffile

    with tifffile.TiffFile(path) as opened:
        values: Values = opened.pages[page.number].aspage().asarray(maxworkers=1)
    values = values.reshape((page.samples, *page.shape) if page.planar else (*page.shape, page.samples))
    deep: Values = np.moveaxis(values, 0, 2) if page.planar else values
    return deep[:, :, :1].reshape(page.shape) if page.samples == 1 else deep


def _through_palette(path: Path, page: Page, indices: Values) -> Values:
    import tifffile

    with tifffile.TiffFile(path) as opened:
        table = np.asarray(opened.pages[page.number].aspage().colormap)
    colours = np.asarray(table >> 8 if table.max(initial=0) > 255 else table, dtype=np.uint8)
    return np.take(colours.T, indices.astype(np.intp), axis=0)


def _by_pillow(path: Path, page: Page, *, raw: bool) -> Values:
    from PIL import Image

    with Image.open(path, formats=["TIFF"]) as opened:
        opened.seek(page.number)
        opened.load()
        shown: Any = opened
        if not raw:
            wanted = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "La": "LA", "RGBX": "RGB", "RGBa": "RGBA", "PA": "RGBA"}
            shown = opened.convert(wanted[opened.mode]) if opened.mode in wanted else opened
        values = np.asarray(shown)
    if page.bits == 16 and page.photometric == WHITE_IS_ZERO:
        values = np.array(65535, np.uint16) - values  # Pillow turns over 8 bits only
    # Pillow has turned it already, and the turn is ours to make
    return turn(values, _UNTURN[page.orientation])


def _by_opencv(path: Path, page: Page) -> Values:
    import cv2

    if page.orientation != 1 or not page.alone or page.photometric not in {BLACK_IS_ZERO, RGB} or page.samples not in {1, 3, 4}:
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
