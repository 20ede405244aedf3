"""Values on a grid, read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window

Values = NDArray[np.generic]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Image:
    """Lazy values ``(C, *shape)`` on a :class:`Geometry`, with named channels.

    ``load`` gives the values of a window that lies inside the grid. Reading is what costs; making an
    ``Image`` is free. ``reduce`` gives the same picture on a coarser grid over the same field of view,
    where the format can do that for less than reading it all (scaled JPEG decoding, a pyramid's levels).
    ``tiled`` says that a window costs no more than itself, and that the whole may be too large for the memory: a slide.

    >>> image = Image.of(np.zeros((1, 4, 6), np.uint8), Geometry.picture((4, 6)))
    >>> image.read(Window((1, 1), (2, 3))).shape
    (1, 2, 3)
    """

    geometry: Geometry
    channels: tuple[str, ...]
    load: Callable[[Window], Values] = field(repr=False)
    meta: Mapping[str, object] = field(default_factory=dict)
    reduce: Callable[[float], Image] | None = field(default=None, repr=False)
    tiled: bool = False

    @classmethod
    def of(
        cls,
        values: Values,
        geometry: Geometry,
        *,
        channels: tuple[str, ...] | None = None,
        meta: Mapping[str, object] | None = None,
    ) -> Image:
        """An image over an array ``(C, *shape)`` that is already in memory (or memory-mapped)."""
        if values.shape[1:] != geometry.shape:
            raise ValueError(f"values {values.shape} do not lie on a grid of shape {geometry.shape}")
        names = channels or default_channels(values.shape[0])
        return cls(geometry=geometry, channels=names, load=lambda w: values[(slice(None), *w.slices)], meta=meta or {})

    def read(self, window: Window | None = None) -> Values:
        """The values ``(C, *window.size)``; the whole image without a window."""
        return self.load(window if window is not None else Window.whole(self.geometry.shape))

    def coarser(self, factor: float) -> Image:
        """This image on a grid at most ``factor`` times as coarse; itself where that saves nothing."""
        return self.reduce(factor) if self.reduce is not None and factor > 1 else self


def default_channels(n: int) -> tuple[str, ...]:
    """Names for channels that have none: value, red green blue (alpha), or numbers."""
    known = {1: ("value",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}
    return known.get(n, tuple(f"c{i}" for i in range(n)))
