"""PNG: every chunk checked, then decoded by OpenCV (palettes by Pillow)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding, quiet
from sagittal.io.readers._exif import orientation
from sagittal.io.readers._picture import Picture

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_DEPTHS = {_GREY: {1, 2, 4, 8, 16}, _RGB: {8, 16}, _PALETTE: {1, 2, 4, 8}, _GREY_ALPHA: {8, 16}, _RGBA: {8, 16}}
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_MODES = {_GREY: "L", _RGB: "RGB", _PALETTE: "P", _GREY_ALPHA: "LA", _RGBA: "RGBA"}
_COLOURS = ("red", "green", "blue")
# first row, first column, row step, column step of the seven passes of Adam7
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_MEMORY = 2**16


@dataclass(frozen=True, slots=True)
class _Header:
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
class _Extras:
    """What the chunks before the pixels add."""

    palette: NDArray[np.uint8]
    transparency: bytes | None
    orientation: int
    frames: int


def png(path: Path, limits: Limits) -> Picture:
    """The picture in a PNG file, at its own depth; fewer than 8 bits are stretched to 0..255.

    Raises:
        UnreadableInput: Broken (every checksum is verified when it is read), truncated, over a limit, animated.
    """
    with decoding(path, "PNG"):
        size = path.stat().st_size
        header = _header(path)
        limits.check_file(path, size)
        deep = 2 if header.bits == 16 else 1
        limits.check(path, (header.rows, header.columns), 4 * deep, stored=size)
        extras = _extras(path, header)
    if extras.frames > 1:
        raise UnreadableInput("SEVERAL_PICTURES", path, f"an animation of {extras.frames} pictures", "save the one that is meant")
    names = _COLOURS if header.kind in {_RGB, _RGBA, _PALETTE} else ("value",)
    if header.kind in {_GREY_ALPHA, _RGBA} or extras.transparency is not None:
        names = (*names, "alpha")
    return Picture(
        shape=(header.rows, header.columns),
        channels=names,
        sample_bytes=deep * len(names),
        orientation=extras.orientation,
        meta={"format": "PNG", "bits": header.bits, "mode": _MODES[header.kind]},
        decode=lambda: _decode(path, header, extras),
    )


def png_indices(path: Path, limits: Limits) -> Values | None:
    """The stored numbers of a grey or palette PNG, ``(rows, columns)``, not stretched, no palette applied.

    For label maps; None for a colour picture.
    """
    picture = png(path, limits)
    with decoding(path, "PNG"):
        header = _header(path)
        extras = _extras(path, header)
        if header.kind == _PALETTE:
            return _palette_indices(path, header, extras)
        if header.kind != _GREY:
            return None
        values = _decode(path, header, extras)
    grey = values if values.ndim == 2 else values[:, :, 0]
    if picture.orientation != 1:
        raise UnreadableInput("UNSUPPORTED", path, "a label map that is to be turned when shown", "save it upright")
    return grey // np.array(255 // (2**header.bits - 1), grey.dtype) if header.bits < 8 else grey


def _header(path: Path) -> _Header:
    with path.open("rb") as file:
        head = file.read(33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise _truncated(path, "the file ends within its header")
    columns, rows, bits, kind, compression, filters, interlaced = struct.unpack_from(">IIBBBBB", head, 16)
    if zlib.crc32(head[12:29]) != struct.unpack_from(">I", head, 29)[0]:
        raise _broken(path, "the checksum of its header is wrong")
    if bits not in _DEPTHS.get(kind, set()) or compression or filters or interlaced > 1:
        raise _broken(path, f"its header is not PNG's (bits {bits}, colour type {kind})")
    return _Header(columns, rows, bits, kind, bool(interlaced))


def _extras(path: Path, header: _Header) -> _Extras:
    """Read the small chunks before the pixels; the rest of the file is seeked over."""
    palette, transparency, turned, frames = np.zeros((0, 3), np.uint8), None, 1, 1
    with path.open("rb") as file:
        file.seek(33)
        while True:
            start = file.read(8)
            if len(start) < 8:
                raise _truncated(path, "the file ends before its pixels")
            length, name = struct.unpack(">I4s", start)
            if name == b"IDAT":
                break
            if name in {b"PLTE", b"tRNS", b"acTL", b"eXIf"} and length <= _MEMORY:
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
    if header.kind == _PALETTE and not len(palette):
        raise _broken(path, "a palette picture without a palette")
    return _Extras(palette, transparency, turned, frames)


def _checked(path: Path) -> bytes:
    """The chunks that make the pixels, after every chunk was found there and its checksum right.

    Profiles, texts and animations are left out: libpng prints its opinion of them.
    """
    data = path.read_bytes()
    kept, name = [data[:8]], b""
    for name, start, stop in _chunks(data, path):
        if zlib.crc32(memoryview(data)[start - 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
            raise _broken(path, f"the checksum of its {name.decode('latin-1')} chunk is wrong")
        if name in {b"IHDR", b"PLTE", b"IDAT", b"IEND"}:
            kept.append(data[start - 8 : stop + 4])
    if name != b"IEND":
        raise _truncated(path, f"the file ends after {len(data):,} bytes, before its end mark")
    return b"".join(kept)


def _chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of the body of each chunk up to IEND."""
    at, name = 8, b""
    while name != b"IEND" and at < len(data):
        if at + 12 > len(data):
            raise _truncated(path, f"the file ends after {len(data):,} bytes, within a chunk")
        length, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise _truncated(path, f"the file ends after {len(data):,} bytes, within a chunk of {length:,}")
        yield name, at + 8, at + 8 + length
        at += 12 + length


def _decode(path: Path, header: _Header, extras: _Extras) -> Values:
    if header.kind == _PALETTE:
        return _through_palette(path, header, extras)
    import cv2

    with decoding(path, "PNG"):
        data = np.frombuffer(_checked(path), dtype=np.uint8)
        flags = {_GREY: cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE, _RGB: cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR}
        values = cv2.imdecode(data, flags.get(header.kind, cv2.IMREAD_UNCHANGED) | cv2.IMREAD_IGNORE_ORIENTATION)
        if values is None:
            raise ValueError("the pixel data are broken or too short")
    if header.kind == _GREY_ALPHA:
        return values[:, :, [0, 3]]
    if header.kind == _RGBA:
        return values[:, :, [2, 1, 0, 3]]
    grey = values[:, :, None] if header.kind == _GREY else values[:, :, ::-1]
    return grey if extras.transparency is None else _with_key(grey, header, extras.transparency, path)


def _with_key(values: Values, header: _Header, key: bytes, path: Path) -> Values:
    """Add an alpha channel: pixels of the key colour are clear, all others are not."""
    if len(key) != 2 * values.shape[2]:
        raise _broken(path, "its transparency chunk has a wrong size")
    stretch = 255 // (2**header.bits - 1) if header.bits < 8 else 1
    clear = np.frombuffer(key, ">u2").astype(np.uint32) * stretch
    alpha = np.where((values == clear).all(axis=2), 0, 65535 if header.bits == 16 else 255).astype(values.dtype)
    return np.concatenate([values, alpha[:, :, None]], axis=2)


def _through_palette(path: Path, header: _Header, extras: _Extras) -> Values:
    indices = _palette_indices(path, header, extras)
    if extras.transparency is None:
        return extras.palette[indices]
    alpha = np.full(len(extras.palette), 255, np.uint8)
    given = np.frombuffer(extras.transparency, np.uint8)[: len(alpha)]
    alpha[: len(given)] = given
    return np.concatenate([extras.palette, alpha[:, None]], axis=1)[indices]


def _palette_indices(path: Path, header: _Header, extras: _Extras) -> NDArray[np.uint8]:
    import io

    from PIL import Image

    with decoding(path, "PNG"):
        data = _checked(path)
        _check_length(data, header, path)
        with quiet("PIL"), Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
            indices = np.asarray(opened)
    if indices.ndim != 2 or indices.max(initial=0) >= len(extras.palette):
        raise _broken(path, f"a pixel points beyond its palette of {len(extras.palette)} colours")
    return indices.astype(np.uint8, copy=False)


def _check_length(data: bytes, header: _Header, path: Path) -> None:
    """Pillow leaves missing rows black without a word, so their bytes are counted first."""
    inflate, found = zlib.decompressobj(), 0
    for name, start, stop in _chunks(data, path):
        rest = data[start:stop] if name == b"IDAT" else b""
        while rest and found < header.inflated:
            found += len(inflate.decompress(rest, _MEMORY))
            rest = inflate.unconsumed_tail
    if found < header.inflated:
        raise _truncated(path, f"its pixels end after {found:,} of {header.inflated:,} bytes")


def _broken(path: Path, what: str) -> UnreadableInput:
    return UnreadableInput("BROKEN", path, what, "copy it again from its source")


def _truncated(path: Path, what: str) -> UnreadableInput:
    return UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
