"""Stored values that are not compressed: any byte order, packed bits, planes of colours, shared chrominance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._source import DeflatedSource, FileSource
from sagittal.io.dicom._walk import Walker
from sagittal.io.dicom.colour import to_rgb
from sagittal.io.guard import Limits

if TYPE_CHECKING:
    from sagittal.io.dicom.pixels import PixelRequest

_BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"


def native(request: PixelRequest, limits: Limits) -> NDArray[Any]:
    """The values of one checked request, as :func:`sagittal.io.dicom.pixels.read_pixels` gives them.

    Raises:
        UnreadableInput: The file ends before its values do.
    """
    if request.bits_allocated == 1:
        return _bits(request, limits)
    half = request.photometric == "YBR_FULL_422" and request.samples == 3
    one = request.rows * request.columns * (2 if half else request.samples)
    first, n = (0, request.frames) if request.frame is None else (request.frame, 1)
    order: Literal["<", ">"] = ">" if request.transfer_syntax == _BIG_ENDIAN else "<"
    kind = request.dtype.newbyteorder(order)
    start, size = first * one * kind.itemsize, n * one * kind.itemsize
    swapped = order == ">" and kind.itemsize == 1 and request.vr == "OW"
    data = _unswapped(request, start, size) if swapped else _bytes(request, start, size, limits)
    values = np.frombuffer(data, dtype=kind).astype(request.dtype, copy=True)
    return _masked(_shaped(values, request, n, half=half), request)


def _shaped(values: NDArray[Any], request: PixelRequest, n: int, *, half: bool) -> NDArray[Any]:
    if request.samples == 1:
        return values.reshape(n, request.rows, request.columns)
    if half:
        return to_rgb(_full(values.reshape(n, request.rows, request.columns // 2, 4)), request.photometric, bits=8)
    if request.planar == 1:
        planes = values.reshape(n, request.samples, request.rows, request.columns)
        return to_rgb(np.ascontiguousarray(np.moveaxis(planes, 1, 3)), request.photometric, bits=request.bits_stored)
    return to_rgb(values.reshape(request.shape), request.photometric, bits=request.bits_stored)


def _full(pairs: NDArray[Any]) -> NDArray[Any]:
    """Two luminances that share their chrominance (Y Y B R), each with its own copy of it."""
    n, rows, half, _ = pairs.shape
    made = np.empty((n, rows, half, 2, 3), pairs.dtype)
    made[..., 0] = pairs[..., :2]
    made[..., 1] = pairs[..., 2:3]
    made[..., 2] = pairs[..., 3:4]
    return made.reshape(n, rows, half * 2, 3)


def _masked(values: NDArray[Any], request: PixelRequest) -> NDArray[Any]:
    """Without what lies above the stored bits: old overlays are kept there (PS3.5 8.1.1)."""
    spare = request.dtype.itemsize * 8 - request.bits_stored
    if spare > 0:
        values <<= spare
        values >>= spare
    return values


def _bits(request: PixelRequest, limits: Limits) -> NDArray[Any]:
    """One bit a sample, the lowest first, frames not padded to bytes (PS3.5 8.1.1)."""
    one = request.rows * request.columns * request.samples
    first, n = (0, request.frames) if request.frame is None else (request.frame, 1)
    start, stop = first * one, (first + n) * one
    data = _bytes(request, start // 8, -(-stop // 8) - start // 8, limits)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    return bits[start % 8 : start % 8 + n * one].astype(request.dtype).reshape(request.shape)


def _unswapped(request: PixelRequest, start: int, size: int) -> bytes:
    """Bytes that were written two by two, as words of the other order."""
    even = start - start % 2
    words = np.frombuffer(_bytes(request, even, -(-(start + size - even) // 2) * 2, Limits.default()), np.uint16).byteswap()
    return words.tobytes()[start - even : start - even + size]


def _bytes(request: PixelRequest, start: int, size: int, limits: Limits) -> bytes:
    with request.path.open("rb") as file:
        if request.transfer_syntax == _DEFLATED:
            data = _inflated(file, request, start, size, limits)
        else:
            file.seek(request.offset + start)
            data = file.read(size)
    if len(data) < size:
        what = f"the file ends within its pixel data: {len(data):,} of {size:,} bytes are there"
        raise UnreadableInput("TRUNCATED", request.path, what, "copy it again from its source")
    return data


def _inflated(file: BinaryIO, request: PixelRequest, start: int, size: int, limits: Limits) -> bytes:
    """A part of a deflated data set; what lies before it is inflated and thrown away."""
    whole = request.path.stat().st_size
    meta = Walker(FileSource(file, whole), request.path, frozenset(), order="<", implicit=False).walk(132, only_group=2)
    source = DeflatedSource(file, meta, whole, request.path, limits)
    at, end = request.offset + start, request.offset + start + size
    pieces = []
    while at < end:
        source.move(at)
        piece = source.window[: end - at]
        if not piece:
            break
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)
