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
from sagittal.io.readers import _packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A run of values in a file, the first axis fastest.

    Args:
        path: The file.
        dtype: As stored, with its byte order.
        start: The byte where they begin, in a packed file of what it holds.
        shape: In the order of the file: the values of one sample if they lie together, three axes of the grid, volumes.
        slope: Stored numbers times this ...
        intercept: ... plus this are the values; 1 and 0 leave them as they are.
        form: How the file is packed; None for a plain one.
        at: The byte where the packed stream begins.
        most: Bytes that may come out of it.
    """

    path: Path
    dtype: np.dtype[Any]
    start: int
    shape: tuple[int, ...]
    slope: float = 1.0
    intercept: float = 0.0
    form: _packed.Form | None = None
    at: int = 0
    most: int = 0

    @property
    def plain(self) -> bool:
        """Whether stored numbers are the values."""
        return (self.slope, self.intercept) == (1.0, 0.0)


def read_section(section: Section, window: Window) -> Values:
    """A window of the values, ``(C, *window.size)``, in this machine's byte order; float32 where they are scaled.

    Of a plain file only the window is read, and where nothing is to be converted the file itself is mapped: the array
    is then read-only. A packed file is inflated straight into the array, to its end.

    Args:
        section: Where they lie.
        window: Inside the grid.

    Raises:
        UnreadableInput: Truncated or broken.
    """
    if section.form is None:
        stored = np.memmap(section.path, section.dtype, "r", section.start, shape=section.shape, order="F")
        part = _channels_first(np.asarray(stored), window)
        return part if section.plain and part.dtype.isnative else _converted(part, section)
    whole = np.empty(math.prod(section.shape), dtype=_result(section))
    filled = 0
    parts = _packed.blocks(
        section.path,
        start=section.start,
        length=whole.size * section.dtype.itemsize,
        item=section.dtype.itemsize,
        most=section.most,
        form=section.form,
        at=section.at,
    )
    for block in parts:
        values = np.frombuffer(block, dtype=section.dtype)
        whole[filled : filled + len(values)] = values if section.plain else _scaled(values, section)
        filled += len(values)
    return _channels_first(whole.reshape(section.shape, order="F"), window)


def _result(section: Section) -> np.dtype[Any]:
    return section.dtype.newbyteorder("=") if section.plain else np.dtype(np.float32)


def _channels_first(stored: Values, window: Window) -> Values:
    whole = np.moveaxis(stored, -1, 0)
    if whole.ndim == 5:  # volumes, and the colours of each sample
        whole = whole[0] if len(whole) == 1 else whole.reshape(-1, *whole.shape[2:])
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
