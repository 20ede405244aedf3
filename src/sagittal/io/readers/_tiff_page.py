"""One directory of a TIFF: what it says of its picture, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding, quiet

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR = range(7)
_PLAIN = {1, 8, 32946}  # none and both numbers of deflate: what tifffile decodes by itself
_COLOURS = ("red", "green", "blue")
KINDS = {WHITE_IS_ZERO: "L", BLACK_IS_ZERO: "L", RGB: "RGB", PALETTE: "P", CMYK: "CMYK", YCBCR: "YCbCr"}
_REDUCED_OR_MASK = 1 | 4
_MOST_PAGES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one directory says."""

    number: int
    shape: tuple[int, int]
    samples: int
    planar: bool
    bits: int
    dtype: np.dtype[Any]
    photometric: int
    compression: int
    alpha: bool
    orientation: int
    alone: bool

    @property
    def colour(self) -> bool:
        """Whether its pixels end up as red, green and blue."""
        return self.photometric in {RGB, PALETTE, CMYK, YCBCR}

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what is decoded."""
        base = _COLOURS if self.colour else ("value",)
        expected = {RGB: 3, CMYK: 4, YCBCR: 3}.get(self.photometric, 1)
        extra = 0 if self.photometric == CMYK else self.samples - expected
        names = tuple("alpha" if self.alpha and i == extra - 1 else f"c{len(base) + i}" for i in range(extra))
        return (*base, *names)

    @property
    def decoder(self) -> Literal["tifffile", "pillow", "opencv"]:
        """Which library reads this kind exactly."""
        whole_bytes = self.bits >= 8 and self.bits % 8 == 0
        if self.compression in _PLAIN and whole_bytes and self.photometric <= PALETTE:
            return "tifffile"
        small = self.bits <= 8 or (self.bits == 16 and self.samples == 1)
        return "pillow" if small else "opencv"


def page_of(path: Path, part: str, limits: Limits) -> Page:
    """The directory that ``part`` counts, or the only one; see :func:`sagittal.io.readers._tiff.tiff`."""
    import tifffile

    with decoding(path, "TIFF"), quiet("tifffile", "PIL"), tifffile.TiffFile(path) as opened:
        size = path.stat().st_size
        limits.check_file(path, size)
        if len(opened.pages) > _MOST_PAGES:
            raise UnreadableInput("OVER_LIMIT", path, f"it has more than {_MOST_PAGES} directories", "split it")
        full = [i for i, p in enumerate(opened.pages) if not int(p.aspage().subfiletype) & _REDUCED_OR_MASK] or [0]
        number = _chosen(full, part, path)
        raw = opened.pages[number].aspage()
        page = _described(raw, number, path, alone=len(opened.pages) == 1)
        width = page.dtype.itemsize * len(page.channels)
        limits.check(path, page.shape, width, stored=size)
        _check_segments(raw, page, size, path)
    return page


def _chosen(full: list[int], part: str, path: Path) -> int:
    if not part:
        if len(full) > 1:
            what, first = f"it holds {len(full)} pictures, and none is named", f"{path}::0"
            raise UnreadableInput("SEVERAL_PICTURES", path, what, f"name one, from 0: {first}")
        return full[0]
    if not part.isascii() or not part.isdigit() or int(part) >= len(full):
        raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"it holds {len(full)} pictures, counted from 0", "name one of them")
    return full[int(part)]


def _described(raw: Any, number: int, path: Path, *, alone: bool) -> Page:
    bits = raw.bitspersample
    kind = int(raw.photometric)
    dtype = np.dtype(np.uint8) if raw.dtype == np.bool_ else raw.dtype
    if kind not in KINDS or dtype is None or not isinstance(bits, int) or raw.imagedepth != 1:
        raise UnreadableInput(
            "UNSUPPORTED", path, f"a TIFF of this kind is not read ({bits} bits, photometric {kind})", "convert it to PNG"
        )
    if dtype.kind not in "uif" or bits not in {1, 2, 4, 8, 16, 32, 64} or (kind == WHITE_IS_ZERO and dtype.kind != "u"):
        raise UnreadableInput("UNSUPPORTED", path, f"a TIFF of {bits}-bit {dtype} samples is not read", "convert it to PNG")
    extra = tuple(int(e) for e in raw.extrasamples or ())
    turned = raw.tags.valueof(274, 1)
    page = Page(
        number=number,
        shape=(raw.imagelength, raw.imagewidth),
        samples=raw.samplesperpixel,
        planar=int(raw.planarconfig or 1) == 2,
        bits=bits,
        dtype=dtype,
        photometric=kind,
        compression=int(raw.compression),
        alpha=bool(extra) and extra[-1] in {1, 2},
        orientation=turned if isinstance(turned, int) and 1 <= turned <= 8 else 1,
        alone=alone,
    )
    least = {RGB: 3, CMYK: 4, YCBCR: 3}.get(kind, 1)
    most = 1 if kind == PALETTE else least + 8
    if not least <= page.samples <= most:
        raise UnreadableInput(
            "UNSUPPORTED", path, f"a TIFF of {page.samples} samples a pixel (photometric {kind}) is not read", "convert it"
        )
    return page


def _check_segments(raw: Any, page: Page, size: int, path: Path) -> None:
    """Every strip or tile is in the file: missing ones would silently be black."""
    starts, counts = raw.dataoffsets, raw.databytecounts
    rows, columns = page.shape
    deep = raw.tilelength or max(1, min(raw.rowsperstrip or rows, rows))
    wide = raw.tilewidth or columns
    needed = -(-rows // deep) * -(-columns // wide) * (page.samples if page.planar else 1)
    if len(starts) < needed or len(counts) < needed:
        raise UnreadableInput(
            "BROKEN", path, f"{needed} strips or tiles are needed, {len(starts)} are listed", "copy it again from its source"
        )
    if any(n <= 0 or at <= 0 for at, n in zip(starts, counts, strict=False)):
        raise UnreadableInput("BROKEN", path, "some of its strips or tiles are missing", "copy it again from its source")
    end = max(at + n for at, n in zip(starts, counts, strict=False))
    plain = -(-columns * page.bits * page.samples // 8) * rows if page.compression == 1 and page.photometric != YCBCR else 0
    if end > size or plain > sum(counts):
        what = f"the file ends after {size:,} bytes; its pixels need {max(end, plain):,}"
        raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
