"""What a PNG says before its pixels."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput
from sagittal.io.readers._exif import orientation

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_DEPTHS = {GREY: {1, 2, 4, 8, 16}, RGB: {8, 16}, PALETTE: {1, 2, 4, 8}, GREY_ALPHA: {8, 16}, RGBA: {8, 16}}
_SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# first row, first column, row step, column step of the seven passes of Adam7
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
MEMORY = 2**16


@dataclass(frozen=True, slots=True)
class Header:
    """The IHDR chunk: size, bits a sample, colour type."""

    columns: int
    rows: int
    bits: int
    kind: int
    interlaced: bool

    @property
    def inflated(self) -> int:
        """Bytes of all filtered rows."""
        per_pixel = self.bits * _SAMPLES[self.kind]
        passes = _PASSES if self.interlaced else ((0, 0, 1, 1),)
        sizes = [(-(-(self.rows - r) // dr), -(-(self.columns - c) // dc)) for r, c, dr, dc in passes]
        return sum(rows * (1 + -(-columns * per_pixel // 8)) for rows, columns in sizes if rows > 0 and columns > 0)


@dataclass(frozen=True, slots=True)
class Extras:
    """What the chunks before the pixels add."""

    palette: NDArray[np.uint8]
    transparency: bytes | None
    orientation: int
    frames: int


def header_of(path: Path) -> Header:
    """The header, its checksum verified.

    Raises:
        UnreadableInput: It is broken or cut short.
    """
    with path.open("rb") as file:
        head = file.read(33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise truncated(path, "the file ends within its header")
    columns, rows, bits, kind, compression, filters, interlaced = struct.unpack_from(">IIBBBBB", head, 16)
    if zlib.crc32(head[12:29]) != struct.unpack_from(">I", head, 29)[0]:
        raise broken(path, "the checksum of its header is wrong")
    if bits not in _DEPTHS.get(kind, set()) or compression or filters or interlaced > 1:
        raise broken(path, f"its header is not PNG's (bits {bits}, colour type {kind})")
    return Header(columns, rows, bits, kind, bool(interlaced))


def extras_of(path: Path, header: Header) -> Extras:
    """The small chunks before the pixels; the rest of the file is seeked over.

    Raises:
        UnreadableInput: The file ends before its pixels, or a palette is missing.
    """
    palette, transparency, turned, frames = np.zeros((0, 3), np.uint8), None, 1, 1
    with path.open("rb") as file:
        file.seek(33)
        while True:
            start = file.read(8)
            if len(start) < 8:
                raise truncated(path, "the file ends before its pixels")
            length, name = struct.unpack(">I4s", start)
            if name == b"IDAT":
                break
            if name in {b"PLTE", b"tRNS", b"acTL", b"eXIf"} and length <= MEMORY:
                body = file.read(length + 4)[:length]
                if name == b"PLTE":
                    palette = np.frombuffer(body[: length // 3 * 3], np.uint8).reshape(-1, 3)
                elif name == b"tRNS":
                    transparency = body
                elif name == b"acTL":
                    frames = int.from_bytes(body[:4], "big")
                else:
                    turned = orientation(body)
            else:
                file.seek(length + 4, 1)
    if header.kind == PALETTE and not len(palette):
        raise broken(path, "a palette picture without a palette")
    return Extras(palette, transparency, turned, frames)


def broken(path: Path, what: str) -> UnreadableInput:
    """A refusal of content that cannot be."""
    return UnreadableInput("BROKEN", path, what, "copy it again from its source")


def truncated(path: Path, what: str) -> UnreadableInput:
    """A refusal of a file that ends too early."""
    return UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
