"""Values that lie in a file one after the other, plain or gzipped: mapped where they can be, scaled as they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Window
from sagittal.core.image import Values
from sagittal.io.readers import _gzip


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A run of values in a file, the first axis fastest.

    Args:
        path: The file.
        dtype: As stored, with its byte order.
        start: The byte where they begin, in a gzipped file of what it holds.
        shape: In the order of the file: three axes of the grid, and the channels as the last axis or as the first.
        slope: Stored numbers times this ...
        intercept: ... plus this are the values; 1 and 0 leave them as they are.
        gzip_most: Bytes that may come out of a gzipped file; None for a plain one.
    """

    path: Path
    dtype: np.dtype[Any]
    start: int
    shape: tuple[int, ...]
    slope: float = 1.0
    intercept: float = 0.0
    gzip_most: int | None = None

    @property
    def plain(self) -> bool:
        """Whether stored numbers are the values."""
        return (self.slope, self.intercept) == (1.0, 0.0)


def read_section(section: Section, window: Window, *, first: bool = False) -> Values:
    """A window of the values, ``(C, *window.size)``, in this machine's byte order; float32 where they are scaled.

    Of a plain file only the window is read, and where nothing is to be converted the file itself is mapped: the array
    is then read-only. A gzipped file is inflated straight into the array, to its end.

    Args:
        section: Where they lie.
        window: Inside the grid.
        first: Channels are the first axis of the file, not the last.

    Raises:
        UnreadableInput: Truncated or broken.
    """
    if section.gzip_most is None:
        stored = np.memmap(section.path, section.dtype, "r", section.start, shape=section.shape, order="F")
        part = _channels_first(np.asarray(stored), window, first=first)
        return part if section.plain and part.dtype.isnative else _converted(part, section)
    whole = np.empty(math.prod(section.shape), dtype=_result(section))
    filled = 0
    item, length = section.dtype.itemsize, math.prod(section.shape) * section.dtype.itemsize
    for block in _gzip.blocks(section.path, start=section.start, length=length, item=item, most=section.gzip_most):
        values = np.frombuffer(block, dtype=section.dtype)
        whole[filled : filled + len(values)] = values if section.plain else _scaled(values, section)
        filled += len(values)
    return _channels_first(whole.reshape(section.shape, order="F"), window, first=first)


def _result(section: Section) -> np.dtype[Any]:
    return section.dtype.newbyteorder("=") if section.plain else np.dtype(np.float32)


def _channels_first(stored: Values, window: Window, *, first: bool) -> Values:
    whole = stored if stored.ndim == 4 and first else np.moveaxis(stored, -1, 0)
    if stored.ndim == 5:  # colours, the grid, volumes
        whole = stored[..., 0] if stored.shape[-1] == 1 else np.moveaxis(stored, -1, 0).reshape(-1, *stored.shape[1:-1])
    found: Values = whole[(slice(None), *window.slices)]
    return found


def _converted(part: Values, section: Section) -> Values:
    """A copy in this machine's byte order, scaled; plane by plane, so that no second volume is held."""
    out: NDArray[Any] = np.empty(part.shape, dtype=_result(section), order="F")
    for k in range(part.shape[-1]):
        out[..., k] = part[..., k] if section.plain else _scaled(part[..., k], section)
    return out


def _scaled(stored: Values, section: Section) -> NDArray[np.float32]:
    # in float64: a slope and an intercept of thousands would cost a float32 its last digits
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, and the audit says so
        return np.asarray(np.asarray(stored, dtype=np.float64) * section.slope + section.intercept, dtype=np.float32)
