"""A picture as its header describes it, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image, Window
from sagittal.core._affine import inverse
from sagittal.core.geometry import REMEMBERED
from sagittal.core.image import Values
from sagittal.errors import UnreadableInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a header says of a picture, and how to decode it.

    Args:
        shape: Rows and columns as stored, before orientation.
        channels: Their names.
        orientation: EXIF's 1 to 8: how the stored rows and columns are to be shown.
        meta: What was found: format, bits, mode.
        decode: The stored pixels, ``(rows, columns)`` or ``(rows, columns, C)``.
        scales: By which factors the format decodes for less; descending.
        decode_scaled: The stored pixels on a grid coarser by one of ``scales``.
    """

    shape: tuple[int, int]
    channels: tuple[str, ...]
    orientation: int = 1
    meta: dict[str, object] = field(default_factory=dict)
    decode: Callable[[], Values]
    scales: tuple[int, ...] = ()
    decode_scaled: Callable[[int], Values] | None = None

    def image(self, item: object) -> Image:
        """The picture as people see it, decoded when read.

        Each decoded pixel must be where the header said: a decoder that disagrees is refused.
        """
        shown = turned_shape(self.shape, self.orientation)

        def load(window: Window) -> Values:
            return _part(_upright(self.decode(), self, self.shape, item), window)

        return Image(geometry=Geometry.picture(shown), channels=self.channels, load=load, meta=self.meta, reduce=self._reducer(item))

    def _reducer(self, item: object) -> Callable[[float], Image] | None:
        decode = self.decode_scaled
        if decode is None:
            return None

        made: dict[int, Image] = {}  # training asks for the same one again and again

        def reduce(factor: float) -> Image:
            step = max((s for s in self.scales if s <= factor + 1e-9), default=1)
            if step not in made:
                made[step] = self.image(item) if step == 1 else coarse(step)
            return made[step]

        def coarse(step: int) -> Image:
            stored = (-(-self.shape[0] // step), -(-self.shape[1] // step))
            geometry = coarse_geometry(self.shape, stored, step=step, orientation=self.orientation)

            def load(window: Window) -> Values:
                return _part(_upright(decode(step), self, stored, item), window)

            return Image(geometry=geometry, channels=self.channels, load=load, meta={**self.meta, "reduced": step})

        return reduce


def turned_shape(shape: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Rows and columns as shown."""
    return (shape[1], shape[0]) if orientation >= 5 else shape


@lru_cache(maxsize=REMEMBERED)
def coarse_geometry(full: tuple[int, int], coarse: tuple[int, int], *, step: int, orientation: int) -> Geometry:
    """Where the pixels of a scaled decoding lie: each covers ``step`` x ``step`` pixels from the stored first corner on.

    Not ``resized``: where ``step`` does not divide the size, the last row and column reach over the picture's edge.
    """
    scale = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1.0]])
    if orientation != 1:
        scale = inverse(_shown_to_stored(full, orientation)) @ scale @ _shown_to_stored(coarse, orientation)
    return Geometry(shape=turned_shape(coarse, orientation), affine=_PICTURE @ scale, unit="px")


def turn(stored: Values, orientation: int) -> Values:
    """Stored rows and columns (the first two axes) as EXIF says they are to be shown; a view.

    >>> turn(np.array([[1, 2], [3, 4]]), 6).tolist()  # a quarter turn clockwise
    [[3, 1], [4, 2]]
    """
    rows, columns, swap = _FLIPS[orientation]
    flipped = stored[:: -1 if rows else 1, :: -1 if columns else 1]
    return np.swapaxes(flipped, 0, 1) if swap else flipped


_PICTURE = Geometry.picture((1, 1)).affine
"""Of a picture of any shape."""

# EXIF 2.32, tag 0x0112: flip stored rows, flip stored columns, then swap the axes
_FLIPS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (True, True, False),
    4: (True, False, False),
    5: (False, False, True),
    6: (True, False, True),
    7: (True, True, True),
    8: (False, True, True),
}


def _shown_to_stored(stored: tuple[int, int], orientation: int) -> NDArray[np.float64]:
    """The affine from shown indices to stored indices."""
    rows, columns, swap = _FLIPS[orientation]
    flip = np.eye(3)
    if rows:
        flip[0] = [-1, 0, stored[0] - 1]
    if columns:
        flip[1] = [0, -1, stored[1] - 1]
    return flip @ np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]]) if swap else flip


def _part(whole: Values, window: Window) -> Values:
    return whole if window.size == whole.shape[1:] else whole[(slice(None), *window.slices)]


def _upright(stored: Values, picture: Picture, shape: tuple[int, int], item: object) -> Values:
    deep = stored if stored.ndim == 3 else stored[:, :, None]
    if deep.shape != (*shape, len(picture.channels)):
        what = f"its header says {shape} x {len(picture.channels)}, its content decodes to {deep.shape}"
        raise UnreadableInput("BROKEN", item, what, "copy it again from its source")
    return turn(deep, picture.orientation).transpose(2, 0, 1)
