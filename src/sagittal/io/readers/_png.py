"""PNG at its own depth, with palette and transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._picture import Picture
from sagittal.io.readers._png_header import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, extras_of, header_of
from sagittal.io.readers._png_pixels import decode, palette_indices

_MODES = {GREY: "L", RGB: "RGB", PALETTE: "P", GREY_ALPHA: "LA", RGBA: "RGBA"}
_COLOURS = ("red", "green", "blue")


def png(path: Path, limits: Limits) -> Picture:
    """The picture in a PNG file, at its own depth; fewer than 8 bits are stretched to 0..255.

    Raises:
        UnreadableInput: Broken (every checksum is verified when it is read), truncated, over a limit, animated.
    """
    with decoding(path, "PNG"):
        size = path.stat().st_size
        header = header_of(path)
        limits.check_file(path, size)
        shape, deep = (header.rows, header.columns), 2 if header.bits == 16 else 1
        limits.check(path, shape, deep, stored=size * max(1, 8 // header.bits))  # before anything as large is made
        extras = extras_of(path, header)
    if extras.frames > 1:
        raise UnreadableInput("SEVERAL_PICTURES", path, f"an animation of {extras.frames} pictures", "save the one that is meant")
    names = _COLOURS if header.kind in {RGB, RGBA, PALETTE} else ("value",)
    if header.kind in {GREY_ALPHA, RGBA} or extras.transparency is not None:
        names = (*names, "alpha")
    limits.check(path, shape, deep * len(names), stored=size * max(1, 8 // header.bits) * len(names))
    return Picture(
        shape=shape,
        channels=names,
        orientation=extras.orientation,
        meta={"format": "PNG", "bits": header.bits, "mode": _MODES[header.kind]},
        decode=lambda: decode(path, header, extras),
    )


def png_indices(path: Path, limits: Limits) -> Values | None:
    """The stored numbers of a grey or palette PNG, ``(rows, columns)``, not stretched, no palette applied.

    For label maps; None for a colour picture.
    """
    picture = png(path, limits)
    with decoding(path, "PNG"):
        header = header_of(path)
        extras = extras_of(path, header)
        if header.kind == PALETTE:
            return palette_indices(path, header, extras)
        if header.kind != GREY:
            return None
        values = decode(path, header, extras)
    grey = values if values.ndim == 2 else values[:, :, 0]
    if picture.orientation != 1:
        raise UnreadableInput("UNSUPPORTED", path, "a label map that is to be turned when shown", "save it upright")
    return grey // np.array(255 // (2**header.bits - 1), grey.dtype) if header.bits < 8 else grey
