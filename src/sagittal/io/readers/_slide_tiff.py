"""Large TIFF files tile by tile: the table of where each tile lies is read once, then every tile is decoded by itself."""

from __future__ import annotations

import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Window
from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding, quiet
from sagittal.io.readers._levels import REAL_MPP, Level, Slide, step_of

KEPT_BYTES = 16 << 20
"""Decoded tiles that a level keeps: those on the borders of neighbouring windows are decoded once."""

PAPER = 255
"""What stands for tiles that a scanner left out: white."""

_UM_EACH = {2: 25_400.0, 3: 10_000.0}
_MINISBLACK, _RGB, _YCBCR = 1, 2, 6
_REDUCED = 1
_COLOURS = 3


def tiff_slide(path: Path, limits: Limits, mpp: tuple[float, float] | None) -> Slide | None:
    """The slide in a TIFF file; None where its pages are no colours or greys that are read here.

    Args:
        path: The file.
        limits: For a tile, and for what is read at once.
        mpp: Micrometres a pixel that the user states; they win over the file's.

    Raises:
        UnreadableInput: Broken, a tile is over the limit, or several grey pictures that are no red, green and blue.
    """
    import tifffile

    with decoding(path, "TIFF"), quiet("tifffile"), tifffile.TiffFile(path) as opened:
        planes = _planes(opened, path)
        first = planes[0]
        if not _read_here(first):
            return None
        full = (int(first.imagelength), int(first.imagewidth))
        levels = [_level(path, pages, full, limits) for pages in zip(*(_pyramid(opened, plane) for plane in planes), strict=False)]
        bits = int(np.dtype(first.dtype).itemsize * 8)
        colour = len(planes) * int(first.samplesperpixel) >= 3
        meta: dict[str, object] = {
            "format": "TIFF slide",
            "bits": bits,
            "mode": "RGB" if colour else "L",
            "vendor": "aperio" if _is_aperio(first) else "tiff",
            "mpp_from": "the user" if mpp is not None else "the file",
        }
        return Slide(
            path=path,
            levels=sorted(levels, key=lambda level: level.step),
            channels=("red", "green", "blue") if colour else ("value",),
            mpp=mpp or mpp_of(first),
            meta=meta,
            limits=limits,
            sample_bytes=bits // 8 * (3 if colour else 1),
        )


def mpp_of(page: Any) -> tuple[float, float] | None:
    """Micrometres a pixel along rows and columns, from an Aperio or OME description, else from resolution tags that mean it.

    A resolution tag without a unit, or one that would make pixels of more than 20 micrometres, says nothing.
    """
    told = str(page.description or "")
    aperio = re.search(r"\|\s*MPP\s*=\s*([0-9.]+)", told)
    if aperio and float(aperio.group(1)) > 0:
        return float(aperio.group(1)), float(aperio.group(1))
    sizes = {axis: _ome(told, axis) for axis in "YX"}
    if sizes["Y"] and sizes["X"]:
        return sizes["Y"], sizes["X"]
    each = _UM_EACH.get(int(page.tags.valueof(296, 1) or 1))
    steps = [_per_unit(page.tags.valueof(code)) for code in (283, 282)]
    if each is None or not all(steps):
        return None
    along, across = (each / step for step in steps)
    low, high = REAL_MPP
    return (along, across) if low <= along <= high and low <= across <= high else None


def _ome(told: str, axis: str) -> float:
    found = re.search(rf'PhysicalSize{axis}="([0-9.eE+-]+)"', told)
    unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', told)
    factor = {"": 1.0, "µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3}.get(unit.group(1) if unit else "", 0.0)
    return float(found.group(1)) * factor if found else 0.0


def _per_unit(value: Any) -> float:
    """Pixels a unit of length from a TIFF rational; 0 where there are none."""
    if isinstance(value, tuple) and len(value) == 2:
        return value[0] / value[1] if value[1] else 0.0
    return float(value) if isinstance(value, int | float) else 0.0


def _is_aperio(page: Any) -> bool:
    return str(page.description or "").startswith("Aperio")


def _planes(opened: Any, path: Path) -> list[Any]:
    """The page of the main picture; of one whose colours lie in pages of their own, as OME has it, all three.

    Raises:
        UnreadableInput: There are other grey pages as large as the first: channels of another kind, or depths of focus.
    """
    first = opened.pages[0].aspage()
    if int(first.samplesperpixel) != 1:
        return [first]
    alike = (p.aspage() for p in list(opened.pages)[1:])
    planes = [first, *(p for p in alike if p.shape == first.shape and p.dtype == first.dtype and not int(p.subfiletype) & _REDUCED)]
    colours = re.search(r'SizeC="3"', str(first.description or "")) is not None and np.dtype(first.dtype) == np.uint8
    if len(planes) > 1 and not (len(planes) == _COLOURS and colours):
        what = f"it holds {len(planes)} grey pictures of one size: channels that are no red, green and blue, or depths of focus"
        raise UnreadableInput("SEVERAL_PICTURES", path, what, "write the one that is meant, or colours, to a file of its own")
    return planes


def _level(path: Path, pages: Sequence[Any], full: tuple[int, int], limits: Limits) -> Level:
    """One grid, whose colours may lie in planes of their own: in several pages, or one after the other in one."""
    apart = int(pages[0].planarconfig or 1) != 1
    planes = [_Tiles.of(path, page, limits, plane=n) for page in pages for n in range(_COLOURS if apart else 1)]

    def read(window: Window) -> Values:
        return np.concatenate([plane.read(window) for plane in planes], axis=2)

    shape = planes[0].shape
    return Level(shape=shape, step=step_of(full, shape), read=planes[0].read if len(planes) == 1 else read)


def _pyramid(opened: Any, first: Any) -> list[Any]:
    """The pages of a plane of the main picture, the finest first: its sub-directories, or those pages that have its aspect."""
    below = [p.aspage() for p in first.pages or ()]
    rest = below or [p.aspage() for p in list(opened.pages)[1:]]
    return [first, *(p for p in rest if _is_level(first, p))]


def _is_level(first: Any, page: Any) -> bool:
    """A smaller copy of the first page; labels and thumbnails, which are not tiled as it is or have another aspect, are none."""
    if bool(page.is_tiled) != bool(first.is_tiled) or page.dtype != first.dtype or page.samplesperpixel != first.samplesperpixel:
        return False
    if not 0 < page.imagewidth < first.imagewidth:
        return False
    step = first.imagewidth / page.imagewidth
    return bool(abs(first.imagelength / step - page.imagelength) <= 2)


def _read_here(page: Any) -> bool:
    samples = int(page.samplesperpixel)
    kinds = {_MINISBLACK: samples == 1, _RGB: samples >= 3, _YCBCR: samples == 3}
    # JPEG 2000 of Aperio comes as YCbCr or RGB and says which by its number
    return bool(kinds.get(int(page.photometric), False)) and page.imagedepth == 1 and page.dtype is not None


@dataclass(kw_only=True, slots=True)
class _Tiles:
    """One page as tiles (a strip is a tile as wide as the page), decoded when asked for.

    Nothing stays open between reads, so that worker processes and threads may share it. Where colours lie one after the other,
    ``first`` is the number of the first tile of the one that is read.
    """

    path: Path
    shape: tuple[int, int]
    tile: tuple[int, int]
    samples: int
    dtype: np.dtype[Any]
    offsets: Sequence[int]
    counts: Sequence[int]
    decode: Callable[..., Any]
    tables: bytes | None
    first: int = 0
    _kept: OrderedDict[int, NDArray[Any]] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, path: Path, page: Any, limits: Limits, *, plane: int = 0) -> _Tiles:
        apart = int(page.planarconfig or 1) != 1
        rows, columns = int(page.imagelength), int(page.imagewidth)
        deep = int(page.tilelength) if page.is_tiled else min(int(page.rowsperstrip or rows), rows)
        wide = int(page.tilewidth) if page.is_tiled else columns
        stored = path.stat().st_size
        size = np.dtype(page.dtype).itemsize * int(page.samplesperpixel)
        limits.check(path, (deep, wide), size, stored=stored)
        # A page may have more pixels than are read at once, but not more than its bytes can plausibly hold.
        limits.but(pixels=sys.maxsize, bytes=sys.maxsize).check(path, (rows, columns), size, stored=stored)
        each = -(-rows // deep) * -(-columns // wide)
        needed = each * (int(page.samplesperpixel) if apart else 1)
        offsets, counts = page.dataoffsets, page.databytecounts
        if len(offsets) < needed or len(counts) < needed:
            what = f"{needed} tiles are needed, {len(offsets)} are listed"
            raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
        end = max((at + n for at, n in zip(offsets, counts, strict=False)), default=0)
        if end > stored:
            raise UnreadableInput("TRUNCATED", path, f"the file ends after {stored:,} bytes; its tiles need {end:,}", "copy it again")
        return cls(
            path=path,
            shape=(rows, columns),
            tile=(deep, wide),
            samples=1 if apart else int(page.samplesperpixel),
            first=each * plane,
            dtype=np.dtype(page.dtype),
            offsets=offsets,
            counts=counts,
            decode=page.decode,
            tables=page.jpegtables,
        )

    def read(self, window: Window) -> Values:
        """The values ``(rows, columns, C)`` of a window inside the page; at most three channels."""
        deep, wide = self.tile
        channels = min(self.samples, 3)
        out: NDArray[Any] = np.empty((*window.size, channels), self.dtype)
        across = -(-self.shape[1] // wide)
        (top, left), (bottom, right) = window.start, window.stop
        with decoding(self.path, "TIFF"), quiet("tifffile"), self.path.open("rb") as file:
            for row in range(top // deep, -(-bottom // deep)):
                for column in range(left // wide, -(-right // wide)):
                    tile = self._tile(file, self.first + row * across + column)
                    y, x = row * deep, column * wide
                    low, high = max(top, y), min(bottom, y + deep)
                    first, last = max(left, x), min(right, x + wide)
                    out[low - top : high - top, first - left : last - left] = tile[low - y : high - y, first - x : last - x, :channels]
        return out

    def _tile(self, file: Any, index: int) -> NDArray[Any]:
        with self._lock:
            found = self._kept.get(index)
            if found is not None:
                self._kept.move_to_end(index)
                return found
        if self.counts[index] == 0 or self.offsets[index] == 0:
            return np.full((*self.tile, self.samples), PAPER, self.dtype)
        file.seek(self.offsets[index])
        data = file.read(self.counts[index])
        values, _, _ = self.decode(data, index, **({"jpegtables": self.tables} if self.tables else {}))
        made: NDArray[Any] = values[0]
        with self._lock:
            self._kept[index] = made
            while len(self._kept) > max(1, KEPT_BYTES // made.nbytes):
                self._kept.popitem(last=False)
        return made
