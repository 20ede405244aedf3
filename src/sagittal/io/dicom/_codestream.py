"""What a compressed frame says of itself, read before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["jpeg", "jpeg lossless", "jpeg-ls", "jpeg 2000", "htj2k"]

_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, kw_only=True, slots=True)
class Codestream:
    """Size and kind of one compressed frame.

    Args:
        family: Who can read it.
        rows: Of the picture.
        columns: Of the picture.
        samples: Components.
        bits: Precision of a sample.
        signed: Whether its numbers are (JPEG 2000 says so).
        process: For a JPEG the number of its start-of-frame marker: 0 baseline, 1 extended, 3 lossless ...
        adobe: The colour transform that an Adobe marker names; None without one.
        subsampled: Whether components have different sizes.
    """

    family: Family
    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool = False
    process: int = 0
    adobe: int | None = None
    subsampled: bool = False


def codestream(data: bytes) -> Codestream | None:
    """The header of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame; None when it is none of these.

    >>> codestream(b"not a picture") is None
    True
    """
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if data.startswith(b"\xff\x4f") or (start >= 0 and b"jP  " in data[:32]):
        return _jpeg2000(data, max(start, 0))
    # some writers put fill bytes before the first marker
    start = data.find(b"\xff\xd8", 0, 64)
    return _jpeg(data, start + 2) if start >= 0 else None


def _jpeg(data: bytes, at: int) -> Codestream | None:
    adobe: int | None = None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if marker in _FRAMES or marker == 0xF7:
            return _start_of_frame(body, marker, adobe)
        if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        if length < 2 or marker in {0xD9, 0xDA}:
            return None
        at += 2 + length
    return None


def _start_of_frame(body: bytes, marker: int, adobe: int | None) -> Codestream | None:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        return None
    bits, samples = body[0], body[5]
    rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    factors = {body[7 + 3 * c] for c in range(samples)}
    process = marker - 0xC0 if marker != 0xF7 else 55
    family: Family = "jpeg-ls" if marker == 0xF7 else "jpeg lossless" if process in {3, 7, 11, 15} else "jpeg"
    return Codestream(
        family=family,
        rows=rows,
        columns=columns,
        samples=samples,
        bits=bits,
        process=process,
        adobe=adobe,
        subsampled=len(factors) > 1,
    )


def _jpeg2000(data: bytes, at: int) -> Codestream | None:
    """SOC, then SIZ (ISO/IEC 15444-1 A.5.1); a CAP marker segment makes it HTJ2K (15444-15)."""
    size = data[at + 4 :]
    if data[at + 2 : at + 4] != b"\xff\x51" or len(size) < 40:
        return None
    length = int.from_bytes(size[:2], "big")
    right, bottom, left, top = (int.from_bytes(size[k : k + 4], "big") for k in (4, 8, 12, 16))
    samples = int.from_bytes(size[36:38], "big")
    if length < 38 + 3 * samples or len(size) < 38 + 3 * samples or not samples:
        return None
    depths = [size[38 + 3 * c] for c in range(samples)]
    steps = {(size[39 + 3 * c], size[40 + 3 * c]) for c in range(samples)}
    capable = size[length : length + 2] == b"\xff\x50"
    return Codestream(
        family="htj2k" if capable else "jpeg 2000",
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        bits=max((d & 0x7F) + 1 for d in depths),
        signed=bool(depths[0] & 0x80),
        subsampled=steps != {(1, 1)},
    )
