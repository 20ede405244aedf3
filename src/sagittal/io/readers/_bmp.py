"""BMP, decoded by Pillow."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding, quiet
from sagittal.io.readers._picture import Picture

_CHANNELS = {
    "1": ("value",),
    "L": ("value",),
    "P": ("red", "green", "blue"),
    "RGB": ("red", "green", "blue"),
    "RGBA": ("red", "green", "blue", "alpha"),
}


def bmp(path: Path, limits: Limits) -> Picture:
    """The picture in a BMP file: 1 to 32 bits, run-length coded too.

    Raises:
        UnreadableInput: Broken, truncated, over a limit.
    """
    from PIL import Image

    with decoding(path, "BMP"):
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(30)
        columns, rows, bits = _size(head, path)
        limits.check_file(path, size)
        limits.check(path, (rows, columns), 4, stored=size)
        _check_rows(head, (rows, columns, bits), size, path)
        with quiet("PIL"), Image.open(path, formats=["BMP", "DIB"]) as opened:
            mode = opened.mode
    if mode not in _CHANNELS:
        raise UnreadableInput("UNSUPPORTED", path, f"a BMP of mode {mode} is not read", "convert it to PNG")
    return Picture(
        shape=(rows, columns),
        channels=_CHANNELS[mode],
        meta={"format": "BMP", "bits": bits, "mode": mode},
        decode=lambda: _decode(path, mode),
    )


def _size(head: bytes, path: Path) -> tuple[int, int, int]:
    if len(head) < 30:
        raise UnreadableInput(
            "TRUNCATED", path, f"the file ends after {len(head)} bytes, within its header", "copy it again from its source"
        )
    if struct.unpack_from("<I", head, 14)[0] == 12:  # the header of OS/2, with sizes of 16 bits
        columns, rows, _, bits = struct.unpack_from("<HHHH", head, 18)
    else:
        columns, rows, _, bits = struct.unpack_from("<iiHH", head, 18)
    return columns, abs(rows), bits  # a negative height is a picture stored from the top


def _check_rows(head: bytes, grid: tuple[int, int, int], size: int, path: Path) -> None:
    """Pillow fills up some truncated files, so the bytes of plain rows are counted."""
    rows, columns, bits = grid
    start = struct.unpack_from("<I", head, 10)[0]
    with path.open("rb") as file:
        file.seek(14)
        info = file.read(20)
    coded = struct.unpack_from("<I", info, 16)[0] if struct.unpack_from("<I", info)[0] > 12 else 0
    needed = start + rows * (-(-columns * bits // 32) * 4)
    if coded in {0, 3, 6} and size < needed:
        what = f"the file ends after {size:,} of {needed:,} bytes"
        raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")


def _decode(path: Path, mode: str) -> Values:
    from PIL import Image

    with decoding(path, "BMP"), quiet("PIL"), Image.open(path, formats=["BMP", "DIB"]) as opened:
        if mode == "1":
            return np.asarray(opened.convert("L"))
        return np.asarray(opened.convert("RGB") if mode == "P" else opened)
