"""Stored pixel values of DICOM files, compressed or not; what is compressed is decoded in processes of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import SagittalError, UnreadableInput
from sagittal.io.apart import Job, apart
from sagittal.io.dicom._native import native
from sagittal.io.guard import Limits, decoding

JPEG_FAMILY = {
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless, first order",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K lossless, RPCL",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}
RLE = "1.2.840.10008.1.2.5"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", BIG_ENDIAN, DEFLATED}

_MOST_EXPANSION = {RLE: 64, "1.2.840.10008.1.2.4.57": 16, "1.2.840.10008.1.2.4.70": 16}
"""Two bytes of PackBits give at most 128; Huffman codes have at least a bit a sample."""
_LEAST_FRAME = 8 + 16
_PART = 2**22
_BYTES_A_SECOND = 2e6


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelRequest:
    """What the header says of the pixels of a file, and which of them are wanted.

    Args:
        path: The file.
        frame: From 0 on; None for all.
        rows: Of a frame.
        columns: Of a frame.
        samples: 1, or 3 for colours.
        frames: How many the file has.
        bits_allocated: 1, 8, 16 or 32.
        bits_stored: At most ``bits_allocated``.
        signed: Pixel representation 1.
        photometric: The photometric interpretation.
        planar: Planar configuration: 1 where colours lie plane by plane.
        transfer_syntax: Its UID.
        offset: Of the value of the pixel data element; encapsulated: of the tag of its first item. Of a deflated file
            it counts in the inflated data set.
        length: Of that value in bytes; -1 for encapsulated data, whose length is not defined.
        vr: OB or OW; it tells the byte order of 8-bit pixels in a big-endian file.
    """

    path: Path
    frame: int | None = None
    rows: int
    columns: int
    samples: int = 1
    frames: int = 1
    bits_allocated: int = 16
    bits_stored: int = 16
    signed: bool = False
    photometric: str = "MONOCHROME2"
    planar: int = 0
    transfer_syntax: str
    offset: int
    length: int = -1
    vr: str = "OW"

    @property
    def shape(self) -> tuple[int, ...]:
        """``(frames, rows, columns)``, or with ``samples`` at the end when there are several."""
        wanted = self.frames if self.frame is None else 1
        return (wanted, self.rows, self.columns) + ((self.samples,) if self.samples > 1 else ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type of numpy that holds the allocated bits, in the machine's byte order."""
        return np.dtype(f"{'i' if self.signed else 'u'}{max(self.bits_allocated, 8) // 8}")

    @property
    def compressed(self) -> bool:
        """Whether a decoder is needed."""
        return self.transfer_syntax == RLE or self.transfer_syntax in JPEG_FAMILY


def read_pixels(requests: Sequence[PixelRequest], *, limits: Limits, workers: int = 2) -> Iterator[tuple[int, NDArray[Any]]]:
    """The stored values of each request, in the order in which they are ready.

    The values are those of the standard before any rescaling: sign-extended from the stored bits, colours as RGB
    (YBR is converted), palette colours as their indices. Every claim of a header is held against the limits, and
    against what so many bytes can hold, before memory is taken for it.

    Args:
        requests: One a file, or one a frame.
        limits: How large a file's pixels may be; ``limits.seconds`` bounds the decoding of one item.
        workers: How many processes decode what is compressed.

    Yields:
        ``(place of the request, values)``: ``(frames, rows, columns)`` or ``(frames, rows, columns, samples)``.

    Raises:
        UnreadableInput: Broken, cut off, over a limit, or compressed in a way that nothing here reads; a decoder
            that crashes or hangs on it. The message names the file.
        UnreadableInput: Decoding takes more memory than the header is worth.
    """
    for request in requests:
        check(request, limits)
    for place, request in enumerate(requests):
        if not request.compressed:
            with decoding(request.path, "DICOM"):
                yield place, native(request, limits)
    yield from _decoded([(i, r) for i, r in enumerate(requests) if r.compressed], limits, workers)


def check(request: PixelRequest, limits: Limits) -> None:
    """Refuse a header that asks for too much, or for what nothing here can do.

    Raises:
        UnreadableInput: Naming the file and what is wrong with it.
    """
    item = request.path
    _check_kind(request)
    size = item.stat().st_size
    deflated = request.transfer_syntax == DEFLATED
    stored = size - (0 if deflated else request.offset)
    whole = request.frames * request.rows * request.columns
    if min(request.rows, request.columns, request.frames) < 1 or request.offset < 0 or stored <= 0:
        what = f"its header says {request.frames} x {request.rows} x {request.columns} pixels from byte {request.offset:,} of {size:,}"
        raise UnreadableInput("BROKEN", item, what, "copy it again from its source")
    if request.frame is not None and not 0 <= request.frame < request.frames:
        what = f"frame {request.frame} of {request.frames} is asked for"
        raise UnreadableInput("FRAMES", item, what, "copy it again from its source")
    shape = (request.frames, request.rows, request.columns)
    if not request.compressed:
        bits = whole * request.samples * request.bits_allocated
        if request.photometric == "YBR_FULL_422":
            bits = bits * 2 // 3
        _check_room(item, -(-bits // 8), request.length, request.length if deflated else stored)
        # one bit a sample grows eightfold, which is no bomb
        held = stored if deflated else max(stored, whole * request.samples)
        limits.check(item, shape, request.samples * max(request.bits_allocated // 8, 1), stored=held)
        return
    claimed = whole * request.samples * request.dtype.itemsize
    most = stored * _MOST_EXPANSION.get(request.transfer_syntax, 1 << 40)
    if request.frames * _LEAST_FRAME > stored or claimed > most:
        what = f"its header says {claimed:,} bytes of pixels, more than {stored:,} bytes can hold so compressed"
        raise UnreadableInput("TRUNCATED", item, what, "copy it again from its source")
    limits.check(item, shape, request.samples * request.dtype.itemsize, stored=stored)


def _check_room(item: Path, needed: int, length: int, stored: int) -> None:
    given = min(length, stored)
    if given >= needed:
        return
    if stored < needed:
        what = f"the file ends within its pixel data: {stored:,} of {needed:,} bytes are there"
        raise UnreadableInput("TRUNCATED", item, what, "copy it again from its source")
    what = f"its header says {needed:,} bytes of pixels, but its pixel data have {length:,}"
    raise UnreadableInput("BROKEN", item, what, "copy it again from its source")


def _check_kind(request: PixelRequest) -> None:
    item = request.path
    if not request.compressed and request.transfer_syntax not in NATIVE:
        what = f"its pixels are compressed with {request.transfer_syntax or 'an unnamed transfer syntax'}, which nothing here reads"
        raise UnreadableInput("TRANSFER_SYNTAX", item, what, "have it sent or stored uncompressed, or as JPEG 2000")
    if request.compressed is not (request.length < 0):
        what = "its transfer syntax and the way its pixel data lie do not belong together"
        raise UnreadableInput("TRANSFER_SYNTAX", item, what, "copy it again from its source")
    sizes = {8, 16, 32} if request.compressed else {1, 8, 16, 32}
    if request.bits_allocated not in sizes or not 1 <= request.bits_stored <= request.bits_allocated or request.samples not in {1, 3, 4}:
        what = f"pixels of {request.samples} samples of {request.bits_stored} in {request.bits_allocated} bits are not read"
        raise UnreadableInput("UNSUPPORTED", item, what, "have it written anew with 8 or 16 bits")


def _decoded(requests: Sequence[tuple[int, PixelRequest]], limits: Limits, workers: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Compressed frames; those of one large file are dealt to several processes."""
    parts = [part for place, request in requests for part in _parts(place, request)]
    owned = dict(requests)
    halves: dict[int, tuple[NDArray[Any], int]] = {}
    jobs = (_job(owned[place], first, n, limits) for place, first, n in parts)
    # closed at once, not when the traceback of a refusal is forgotten: the processes are wanted for the next file
    with contextlib.closing(apart(jobs, workers=workers)) as answers:
        for number, answer in answers:
            if isinstance(answer, SagittalError):
                raise answer
            place, first, n = parts[number]
            request = owned[place]
            if n == request.shape[0]:
                yield place, answer
                continue
            whole, done = halves.pop(place, (None, 0))
            if whole is None:
                whole = np.empty(request.shape, request.dtype)
            whole[first : first + n] = answer
            if done + n == request.shape[0]:
                yield place, whole
            else:
                halves[place] = (whole, done + n)


def _parts(place: int, request: PixelRequest) -> list[tuple[int, int, int]]:
    """``(place, first frame, how many)``: pieces of a few megabytes."""
    if request.frame is not None:
        return [(place, request.frame, 1)]
    one = request.rows * request.columns * request.samples * request.dtype.itemsize
    step = max(1, _PART // one)
    return [(place, first, min(step, request.frames - first)) for first in range(0, request.frames, step)]


def _job(request: PixelRequest, first: int, n: int, limits: Limits) -> Job:
    shape = (n, *request.shape[1:])
    size = int(np.prod(shape)) * request.dtype.itemsize
    return Job(
        item=request.path,
        call="sagittal.io.dicom._decode:decode",
        options={
            "path": str(request.path.absolute()),
            "offset": request.offset,
            "frames": request.frames,
            "first": first,
            "transfer_syntax": request.transfer_syntax,
            "photometric": request.photometric,
            "bits_stored": request.bits_stored,
        },
        shape=shape,
        dtype=request.dtype,
        seconds=limits.seconds + size / _BYTES_A_SECOND,
        # a decoder of JPEG 2000 keeps 32 bits a sample, several times
        memory=2**29 + 24 * size,
    )
