"""JPEG: the header walked by hand, the pixels by our kernels where they can, else by OpenCV (both also scaled)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io._recent import Last
from sagittal.io.guard import Limits, decoding, quiet
from sagittal.io.readers._exif import orientation
from sagittal.io.readers._jpeg_fast import TOLD, WORTH, Segments, plan_of
from sagittal.io.readers._picture import Picture

_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_LOSSLESS_OR_HIERARCHICAL = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}
_BARE = {0x01, *range(0xD0, 0xD8)}
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_CHANNELS = {1: ("value",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue")}
_KEPT = 1 << 17
"""A file up to so many bytes is decoded from what was read for its header, where that was the last one read."""
_last: Last[bytes] = Last()
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}


@dataclass(frozen=True, slots=True)
class _Header:
    rows: int
    columns: int
    components: int
    orientation: int
    scan: int
    segments: Segments
    places: tuple[int, ...]


def jpeg(path: Path, limits: Limits, head: bytes, *, size: int) -> Picture:
    """The picture in a JPEG file; CMYK is turned into RGB as Pillow does, without a colour profile.

    Args:
        path: The file.
        limits: How large it may be.
        head: Its first bytes; more are read where the header is longer. The pixels are decoded from them where they are all.
        size: Of the file.

    Raises:
        UnreadableInput: Broken or truncated; over a limit; 12-bit, lossless or hierarchical.
    """
    limits.check_file(path, size)
    with decoding(path, "JPEG"):
        try:
            header = _walk(head, path)
        except _ShortError as short:
            if size <= len(head):
                raise _truncated(path, f"the file ends within its header, after {size:,} bytes") from short
            whole = path.read_bytes()
            return jpeg(path, limits, whole, size=len(whole))
    shape = (header.rows, header.columns)
    limits.check(path, shape, 3 if header.components != 1 else 1, stored=size)
    four = header.components == 4
    if len(head) == size and size <= _KEPT:
        _last.put(header, head)
    return Picture(
        shape=shape,
        channels=_CHANNELS[header.components],
        orientation=header.orientation,
        meta={"format": "JPEG", "bits": 8, "mode": _MODES[header.components]},
        decode=lambda: _cmyk(path, header) if four else _decode(path, header, 1),
        scales=() if four else (2, 4, 8),
        decode_scaled=None if four else lambda step: _decode(path, header, step),
    )


class _ShortError(Exception):
    """The bytes at hand end within the header."""


def _walk(data: bytes, path: Path) -> _Header:
    """Read marker segments up to the first scan."""
    at = 2
    frame, turned = None, 1
    spans = []
    while True:
        marker, at = _marker(data, at, path)
        if marker in _BARE:
            continue
        if marker == _END:
            raise _truncated(path, "there is no scan before its end marker")
        body, at = at + 2, at + int.from_bytes(data[at : at + 2], "big")
        if len(data) < body:
            raise _ShortError
        spans.append((marker, body, at))
        if marker == _SCAN:
            break
        if at < body:
            raise _truncated(path, "a segment of negative length")
        if marker in _START_OF_FRAME or marker == _APP1:
            if len(data) < at:
                raise _ShortError
            if marker == _APP1:
                turned = orientation(data[body + 6 : at]) if data[body : body + 6] == b"Exif\0\0" else turned
            elif frame is not None:
                raise UnreadableInput("BROKEN", path, "it has two JPEG frame headers", "copy it again from its source")
            else:
                frame = _frame(marker, data[body:at], path)
    if frame is None:
        raise UnreadableInput("BROKEN", path, "a scan comes before any JPEG frame header", "copy it again from its source")
    told = [span for span in spans if span[0] in TOLD]
    segments = tuple((marker, data[start:end]) for marker, start, end in told)
    return _Header(*frame, orientation=turned, scan=body, segments=segments, places=tuple(start for _, start, _ in told))


def _marker(data: bytes, at: int, path: Path) -> tuple[int, int]:
    """The marker at a place, fill bytes skipped, and the place after it."""
    if at >= len(data):
        raise _ShortError
    if data[at] != 0xFF:
        raise UnreadableInput("BROKEN", path, "a JPEG marker is expected and something else is found", "copy it again from its source")
    while True:
        at += 1
        if at >= len(data):
            raise _ShortError
        if data[at] != 0xFF:
            return data[at], at + 1


def _frame(marker: int, body: bytes, path: Path) -> tuple[int, int, int]:
    if len(body) < 6:
        raise _truncated(path, "the frame header is too short")
    bits, rows, columns, components = struct.unpack_from(">BHHB", body)
    if marker in _LOSSLESS_OR_HIERARCHICAL or bits != 8:
        kind = f"{bits}-bit" if bits != 8 else "lossless or hierarchical"
        raise UnreadableInput("UNSUPPORTED", path, f"{kind} JPEG is not read", "convert it to PNG")
    if components not in _CHANNELS:
        raise UnreadableInput("UNSUPPORTED", path, f"a JPEG of {components} components is not read", "convert it to PNG")
    return rows, columns, components


def _whole(path: Path, header: _Header) -> bytes:
    """The bytes of the file; refused without an end marker after the scans (data cannot look like one)."""
    data = _last.get(header) or path.read_bytes()
    if data.rfind(b"\xff\xd9", header.scan) < 0:
        raise _truncated(path, f"the file ends after {len(data):,} bytes, before its end marker")
    return data


def _decode(path: Path, header: _Header, step: int) -> Values:
    with decoding(path, "JPEG"):
        stored = _whole(path, header)
        values = _own(stored, header, step)
        return _by_opencv(stored, header, step) if values is None else values


def _own(stored: bytes, header: _Header, step: int) -> Values | None:
    """The pixels as our kernels read them; None for what these leave to others, and where the scan is broken."""
    plan = plan_of(header.segments, step) if len(stored) >= WORTH else None
    told = zip(header.places, header.segments, strict=True)
    # A file that was changed since its header was read has other tables.
    if plan is None or not all(stored.startswith(body, at) for at, (_, body) in told):
        return None
    return plan.read(np.frombuffer(stored, np.uint8, offset=header.scan + len(header.segments[-1][1])))


def _by_opencv(stored: bytes, header: _Header, step: int) -> Values:
    import cv2

    grey = header.components == 1
    if step == 1:
        flags = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB
    else:
        flags = getattr(cv2, f"IMREAD_REDUCED_{'GRAYSCALE' if grey else 'COLOR'}_{step}")
    values = cv2.imdecode(np.frombuffer(stored, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if values is None:
        raise ValueError("the scan data are broken")
    # the reduced colour flags give blue first
    return values if grey or step == 1 else values[:, :, ::-1]


def _cmyk(path: Path, header: _Header) -> Values:
    import io

    from PIL import Image

    with decoding(path, "JPEG"), quiet("PIL"), Image.open(io.BytesIO(_whole(path, header)), formats=["JPEG"]) as opened:
        return np.asarray(opened.convert("RGB"))


def _truncated(path: Path, what: str) -> UnreadableInput:
    return UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
