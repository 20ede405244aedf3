"""A slide as its levels: the same picture on coarser and coarser grids, each read window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sagittal.core import Geometry, Image, Window
from sagittal.core.image import Values
from sagittal.io.guard import Limits

WHOLE = 0.01
"""A step this close to a whole number is one: levels whose size was rounded."""


REAL_MPP = (0.02, 20.0)
"""Micrometres a pixel that a file can mean: 72 or 300 dots an inch are a printer's or nobody's, not a scanner's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One grid of a slide.

    Args:
        shape: Rows and columns.
        step: How many of the finest pixels lie between two of its pixels.
        read: The values ``(rows, columns, C)`` of a window inside it.
    """

    shape: tuple[int, int]
    step: float
    read: Callable[[Window], Values] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slide:
    """What a slide's file says, and its levels.

    Args:
        path: For messages.
        levels: The finest first.
        channels: Their names.
        mpp: Micrometres from pixel to pixel of the finest level, along rows and columns; None where nobody says.
        meta: What was found: format, bits, mode, vendor.
        limits: Hold for what is read at once.
        sample_bytes: Of all channels of a pixel.
    """

    path: Path
    levels: Sequence[Level]
    channels: tuple[str, ...]
    mpp: tuple[float, float] | None
    meta: dict[str, object]
    limits: Limits
    sample_bytes: int

    def image(self, number: int = 0) -> Image:
        """The image of a level; coarser ones are found through :meth:`sagittal.core.Image.coarser`."""
        level = self.levels[number]

        def load(window: Window) -> Values:
            samples = max(1, window.size[0]) * max(1, window.size[1])
            self.limits.check(self.path, window.size, self.sample_bytes, stored=samples * self.sample_bytes)
            return np.asarray(level.read(window)).transpose(2, 0, 1)

        def reduce(factor: float) -> Image:
            fitting = [i for i, other in enumerate(self.levels) if other.step <= level.step * factor * (1 + 1e-6)]
            return self.image(max([number, *fitting], key=lambda i: self.levels[i].step))

        meta = {**self.meta, "level": number, "mpp": self.mpp}
        return Image(geometry=self.grid(level), channels=self.channels, load=load, meta=meta, reduce=reduce, tiled=True)

    def grid(self, level: Level) -> Geometry:
        """Where the pixels of a level lie: in micrometres where the file or the user says how large they are, else in pixels.

        Each covers ``step`` x ``step`` of the finest pixels from the first corner on. The world is ``(x, y)`` with its origin
        in that corner.
        """
        step = level.step
        along, across = (step * m for m in self.mpp or (1.0, 1.0))
        affine = np.array([[0.0, across, across / 2], [along, 0.0, along / 2], [0.0, 0.0, 1.0]])
        return Geometry(shape=level.shape, affine=affine, unit="px" if self.mpp is None else "um", frame="slide")


def step_of(full: Sequence[int], shape: Sequence[int]) -> float:
    """How much coarser a level is than the finest: the whole number of which its size was rounded, where there is one.

    >>> step_of((1001, 2003), (250, 500)), step_of((1000, 1000), (300, 300))
    (4.0, 3.3333333333333335)
    """
    ratios = [a / b for a, b in zip(full, shape, strict=True)]
    mean = sum(ratios) / len(ratios)
    nearest = max(1, round(mean))
    # A level of n pixels may lack up to one of its last row or column.
    rounded = all(abs(a - nearest * b) <= nearest for a, b in zip(full, shape, strict=True))
    return float(nearest) if rounded or abs(mean - nearest) < WHOLE else mean
