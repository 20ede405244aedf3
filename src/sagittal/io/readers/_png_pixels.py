"""The pixels of a PNG: every chunk checked, then decoded by OpenCV, palettes by Pillow."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.core.image import Values
from sagittal.io.guard import decoding, quiet
from sagittal.io.readers._png_header import GREY, GREY_ALPHA, MEMORY, PALETTE, RGB, RGBA, Extras, Header, broken, truncated


def decode(path: Path, header: Header, extras: Extras) -> Values:
    """The stored pixels, ``(rows, columns, C)``.

    Raises:
        UnreadableInput: A checksum is wrong, or pixels are missing.
    """
    if header.kind == PALETTE:
        return _through_palette(path, header, extras)
    import cv2

    with decoding(path, "PNG"):
        data = np.frombuffer(_checked(path), dtype=np.uint8)
        flags = {GREY: cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE, RGB: cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR}
        values = cv2.imdecode(data, flags.get(header.kind, cv2.IMREAD_UNCHANGED) | cv2.IMREAD_IGNORE_ORIENTATION)
        if values is None:
            raise ValueError("the pixel data are broken or too short")
    if header.kind == GREY_ALPHA:
        return values[:, :, [0, 3]]
    if header.kind == RGBA:
        return values[:, :, [2, 1, 0, 3]]
    grey = values[:, :, None] if header.kind == GREY else values[:, :, ::-1]
    return grey if extras.transparency is None else _with_key(grey, header, extras.transparency, path)


def palette_indices(path: Path, header: Header, extras: Extras) -> NDArray[np.uint8]:
    """The stored positions in the palette, ``(rows, columns)``.

    Raises:
        UnreadableInput: As :func:`decode`; or a position beyond the palette.
    """
    import io

    from PIL import Image

    with decoding(path, "PNG"):
        data = _checked(path)
        _check_length(data, header, path)
        with quiet("PIL"), Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
            indices = np.asarray(opened)
    if indices.ndim != 2 or indices.max(initial=0) >= len(extras.palette):
        raise broken(path, f"a pixel points beyond its palette of {len(extras.palette)} colours")
    return indices.astype(np.uint8, copy=False)


def _through_palette(path: Path, header: Header, extras: Extras) -> Values:
    indices = palette_indices(path, header, extras)
    if extras.transparency is None:
        return extras.palette[indices]
    alpha = np.full(len(extras.palette), 255, np.uint8)
    given = np.frombuffer(extras.transparency, np.uint8)[: len(alpha)]
    alpha[: len(given)] = given
    return np.concatenate([extras.palette, alpha[:, None]], axis=1)[indices]


def _with_key(values: Values, header: Header, key: bytes, path: Path) -> Values:
    """Add an alpha channel: pixels of the key colour are clear, all others are not."""
    if len(key) != 2 * values.shape[2]:
        raise broken(path, "its transparency chunk has a wrong size")
    stretch = 255 // (2**header.bits - 1) if header.bits < 8 else 1
    clear = np.frombuffer(key, ">u2").astype(np.uint32) * stretch
    alpha = np.where((values == clear).all(axis=2), 0, 65535 if header.bits == 16 else 255).astype(values.dtype)
    return np.concatenate([values, alpha[:, :, None]], axis=2)


def _checked(path: Path) -> bytes:
    """The chunks that make the pixels, after every chunk was found there and its checksum right.

    Profiles, texts and animations are left out: libpng prints its opinion of them.
    """
    data = path.read_bytes()
    kept, name = [data[:8]], b""
    for name, start, stop in _chunks(data, path):
        if zlib.crc32(memoryview(data)[start - 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
            raise broken(path, f"the checksum of its {name.decode('latin-1')} chunk is wrong")
        if name in {b"IHDR", b"PLTE", b"IDAT", b"IEND"}:
            kept.append(data[start - 8 : stop + 4])
    if name != b"IEND":
        raise truncated(path, f"the file ends after {len(data):,} bytes, before its end mark")
    return b"".join(kept)


def _chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of the body of each chunk up to IEND."""
    at, name = 8, b""
    while name != b"IEND" and at < len(data):
        if at + 12 > len(data):
            raise truncated(path, f"the file ends after {len(data):,} bytes, within a chunk")
        length, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise truncated(path, f"the file ends after {len(data):,} bytes, within a chunk of {length:,}")
        yield name, at + 8, at + 8 + length
        at += 12 + length


def _check_length(data: bytes, header: Header, path: Path) -> None:
    """Pillow leaves missing rows black without a word, so their bytes are counted first."""
    inflate, found = zlib.decompressobj(), 0
    for name, start, stop in _chunks(data, path):
        rest = data[start:stop] if name == b"IDAT" else b""
        while rest and found < header.inflated:
            found += len(inflate.decompress(rest, MEMORY))
            rest = inflate.unconsumed_tail
    if found < header.inflated:
        raise truncated(path, f"its pixels end after {found:,} of {header.inflated:,} bytes")
