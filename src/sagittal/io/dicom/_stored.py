"""How the pixels of a file are stored, and whether they are all there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagittal.errors import UnreadableInput
from sagittal.io.dicom.header import NATIVE, Dataset, Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How the pixels of a file are stored, as PS3.3 C.7.6.3 names it."""

    path: Path
    size: int
    syntax: str
    offset: int
    length: int
    kind: str
    vr: str
    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: int
    padding: tuple[int, int] | None
    palette: tuple[tuple[tuple[float, ...], bytes], ...]


def stored_of(header: Header) -> Stored | None:
    """What the header says of the pixels; None where there are none."""
    data, pixels = header.data, header.pixels
    rows, columns = data.whole("Rows"), data.whole("Columns")
    if (pixels is None and header.broken is None) or rows < 1 or columns < 1 or header.path is None:
        return None
    bits = data.whole("BitsAllocated", 16)
    if pixels is not None and pixels.kind != "whole":
        bits = 32 if pixels.kind == "float" else 64
    said = data.whole("BitsStored", bits)
    used = said if 1 <= said <= bits else bits
    signed = data.whole("PixelRepresentation") == 1
    photometric = data.text("PhotometricInterpretation") or "MONOCHROME2"
    colours = ("Red", "Green", "Blue") if photometric == "PALETTE COLOR" else ()
    return Stored(
        path=header.path,
        size=header.size,
        syntax=header.syntax,
        offset=pixels.offset if pixels else 0,
        length=pixels.length if pixels else 0,
        kind=pixels.kind if pixels else "whole",
        vr=pixels.vr if pixels else "OW",
        rows=rows,
        columns=columns,
        frames=max(data.whole("NumberOfFrames", 1), 1),
        samples=data.whole("SamplesPerPixel", 1),
        bits_allocated=bits,
        bits_stored=used,
        high_bit=data.whole("HighBit", used - 1),
        signed=signed,
        photometric=photometric,
        planar=data.whole("PlanarConfiguration"),
        padding=_padding(data, used, signed=signed),
        palette=tuple((data.numbers(f"{c}PaletteDescriptor"), data.raw(f"{c}Palette")) for c in colours),
    )


def too_short(stored: Stored) -> UnreadableInput | None:
    """Uncompressed pixel data with fewer bytes than their pixels need."""
    if stored.length < 0 or stored.syntax not in NATIVE or stored.photometric == "YBR_FULL_422":
        return None
    needed = -(-stored.rows * stored.columns * stored.frames * stored.samples * stored.bits_allocated // 8)
    if needed <= stored.length:
        return None
    what = f"its header says {needed:,} bytes of pixels, but its pixel data have {stored.length:,}"
    return UnreadableInput("TRUNCATED", stored.path, what, "copy it again from its source")


def _padding(data: Dataset, bits: int, *, signed: bool) -> tuple[int, int] | None:
    """The range of stored values that stand for nothing (PS3.3 C.7.5.1.1.2).

    Many files write the value with the wrong VR (63536 for -2000): its bits are taken as those of a pixel.
    """
    value = data.number("PixelPaddingValue")
    if value is None or not 1 <= bits <= 32:
        return None
    limit = data.number("PixelPaddingRangeLimit")
    ends = sorted(_as_stored(int(end), bits, signed=signed) for end in (value, limit if limit is not None else value))
    return ends[0], ends[1]


def _as_stored(value: int, bits: int, *, signed: bool) -> int:
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if signed and low >> (bits - 1) else low
