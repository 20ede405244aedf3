"""Compressed frames to stored values; runs in the process that decodes (:mod:`sagittal.io.apart`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._codestream import Codestream, codestream
from sagittal.io.dicom._frames import frame_spans, read_spans
from sagittal.io.dicom.colour import to_rgb

RLE = "1.2.840.10008.1.2.5"

Array = NDArray[Any]


def decode(
    out: Array,
    *,
    path: str,
    offset: int,
    frames: int,
    first: int,
    transfer_syntax: str,
    photometric: str,
    bits_stored: int,
) -> None:
    """Fill ``out`` with the frames from ``first`` on.

    Args:
        out: ``(n, rows, columns)`` or ``(n, rows, columns, samples)``, of the type of the stored values.
        path: The file.
        offset: Where the first item of its pixel data begins.
        frames: How many the file has.
        first: The first that is wanted.
        transfer_syntax: RLE is told by it; everything else says itself what it is.
        photometric: What the three samples of a colour are.
        bits_stored: The sign bit is the highest of these.

    Raises:
        UnreadableInput: Broken, cut off, or of another size than the header says.
    """
    file = Path(path)
    spans = frame_spans(file, offset, frames)
    for place in range(len(out)):
        data = read_spans(file, spans[first + place])
        if transfer_syntax == RLE:
            _rle(data, out[place], file, photometric=photometric)
        else:
            _coded(data, out[place], file, photometric=photometric)
    # An unsigned JPEG says its own precision; only RLE keeps what old overlays wrote above the stored bits.
    if out.dtype.kind == "i" or transfer_syntax == RLE:
        only_stored(out, bits_stored)


def only_stored(values: Array, bits: int) -> None:
    """Let the highest stored bit be the sign, or nothing lie above it, in place (PS3.5 8.1.1)."""
    spare = values.dtype.itemsize * 8 - bits
    if spare > 0:
        values <<= spare
        values >>= spare


def _rle(data: bytes, out: Array, path: Path, *, photometric: str) -> None:
    """RLE (PS3.5 annex G): a segment for every byte of every sample."""
    shape = out.shape if out.ndim == 3 else (*out.shape, 1)
    segments = int.from_bytes(data[:4], "little")
    if segments != shape[2] * out.dtype.itemsize:
        what = f"a frame of RLE has {segments} segments where its header asks for {shape[2] * out.dtype.itemsize}"
        raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
    kind = out.dtype.newbyteorder("<")
    bounds = [int.from_bytes(data[k : k + 4], "little") for k in range(4, 4 + 4 * segments, 4)]
    if bounds != sorted(set(bounds)) or bounds[0] < 64 or bounds[-1] >= len(data):
        raise UnreadableInput("BROKEN", path, "the segments of a frame of RLE lie out of order", "copy it again from its source")
    values = np.frombuffer(imagecodecs.dicomrle_decode(data, np.dtype(f"<u{kind.itemsize}")), dtype=kind)
    if values.size != out.size:
        what = f"a frame of RLE gives {values.size:,} values where {out.size:,} belong"
        raise UnreadableInput("TRUNCATED" if values.size < out.size else "BROKEN", path, what, "copy it again from its source")
    if out.ndim == 2:
        out[...] = values.reshape(out.shape)
    else:
        out[...] = to_rgb(np.moveaxis(values.reshape((shape[2], *shape[:2])), 0, 2), photometric, bits=8 * kind.itemsize)


def _coded(data: bytes, out: Array, path: Path, *, photometric: str) -> None:
    stream = codestream(data)
    if stream is None:
        raise UnreadableInput("BROKEN", path, "a frame is neither a JPEG nor a JPEG 2000 stream", "copy it again from its source")
    _check(stream, out, path)
    values = _DECODERS[stream.family](data, stream, photometric)
    if values.shape != out.shape:
        what = f"a frame decodes to {values.shape} where {out.shape} belongs"
        raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
    if values.dtype.itemsize > out.dtype.itemsize:
        values = values.astype(out.dtype)
    # An unsigned stream may hold the bits of signed values, and the other way round: the bits are kept.
    out[...] = values.view(f"{out.dtype.kind}{values.dtype.itemsize}") if values.dtype.itemsize == out.dtype.itemsize else values


def _check(stream: Codestream, out: Array, path: Path) -> None:
    """Hold the frame's own header against the data set's, before anything is allocated for it."""
    samples = out.shape[2] if out.ndim == 3 else 1
    said = (stream.rows, stream.columns, stream.samples)
    if said != (*out.shape[:2], samples):
        what = f"a frame says {said[0]} x {said[1]} x {said[2]}, the data set {out.shape[0]} x {out.shape[1]} x {samples}"
        raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
    if stream.bits > 8 * out.dtype.itemsize:
        what = f"a frame has {stream.bits} bits, the data set room for {8 * out.dtype.itemsize}"
        raise UnreadableInput("BROKEN", path, what, "copy it again from its source")


def _jpeg(data: bytes, stream: Codestream, photometric: str) -> Array:
    if stream.samples == 1:
        return np.asarray(imagecodecs.jpeg8_decode(data))
    coded = "YCBCR" if _is_ycbcr(stream, photometric) else "RGB"
    return np.asarray(imagecodecs.jpeg8_decode(data, colorspace=coded, outcolorspace="RGB"))


def _is_ycbcr(stream: Codestream, photometric: str) -> bool:
    """The data set says it, but many say RGB of what their stream holds as YCbCr: subsampled components are never RGB."""
    if stream.adobe is not None and photometric == "RGB":
        return stream.adobe == 1
    return photometric.startswith("YBR") or stream.subsampled


def _jpeg_lossless(data: bytes, stream: Codestream, photometric: str) -> Array:
    if stream.samples == 1:
        return np.asarray(imagecodecs.jpeg8_decode(data))
    values = np.asarray(imagecodecs.jpegsof3_decode(data))
    return to_rgb(values, photometric, bits=stream.bits)


def _jpeg_ls(data: bytes, stream: Codestream, photometric: str) -> Array:
    return to_rgb(np.asarray(imagecodecs.jpegls_decode(data)), photometric, bits=stream.bits)


def _jpeg_2000(data: bytes, stream: Codestream, photometric: str) -> Array:
    # the decoder itself undoes the transforms that photometric YBR_ICT and YBR_RCT name
    return to_rgb(np.asarray(imagecodecs.jpeg2k_decode(data)), photometric, bits=stream.bits)


def _htj2k(data: bytes, stream: Codestream, photometric: str) -> Array:
    return to_rgb(np.asarray(imagecodecs.htj2k_decode(data)), photometric, bits=stream.bits)


_DECODERS = {"jpeg": _jpeg, "jpeg lossless": _jpeg_lossless, "jpeg-ls": _jpeg_ls, "jpeg 2000": _jpeg_2000, "htj2k": _htj2k}
