"""Slides of scanners' own formats, through OpenSlide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sagittal.core import Window
from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._levels import REAL_MPP, Level, Slide, step_of


def vendor_of(path: Path) -> str | None:
    """What OpenSlide takes a file for: ``aperio``, ``hamamatsu`` ...; None where it does not know it."""
    import openslide

    try:
        found = openslide.OpenSlide.detect_format(str(path))
    except openslide.OpenSlideError:
        return None
    return None if found is None else str(found)


def open_slide(path: Path, limits: Limits, mpp: tuple[float, float] | None) -> Slide:
    """The slide in a file that OpenSlide reads; what is transparent becomes white.

    Raises:
        UnreadableInput: Broken, or not known to OpenSlide.
    """
    import openslide

    with decoding(path, "slide"):
        try:
            opened = openslide.OpenSlide(str(path))
        except openslide.OpenSlideUnsupportedFormatError as error:
            what = "no slide format is found in it"
            raise UnreadableInput("UNSUPPORTED", path, what, "check that all files of the slide lie beside it") from error
        full = _shape(opened.level_dimensions[0])
        levels = [_level(opened, number, full, path) for number in range(opened.level_count)]
        meta: dict[str, object] = {
            "format": "slide",
            "bits": 8,
            "mode": "RGB",
            "vendor": opened.properties.get(openslide.PROPERTY_NAME_VENDOR, ""),
            "mpp_from": "the user" if mpp is not None else "the file",
        }
        told = (opened.properties.get(openslide.PROPERTY_NAME_MPP_Y), opened.properties.get(openslide.PROPERTY_NAME_MPP_X))
    return Slide(
        path=path,
        levels=sorted(levels, key=lambda level: level.step),
        channels=("red", "green", "blue"),
        mpp=mpp or _mpp(told),
        meta=meta,
        limits=limits,
        sample_bytes=4,
    )


def _shape(dimensions: tuple[int, int]) -> tuple[int, int]:
    return int(dimensions[1]), int(dimensions[0])


def _level(opened: Any, number: int, full: tuple[int, int], path: Path) -> Level:
    shape = _shape(opened.level_dimensions[number])
    step = step_of(full, shape)

    def read(window: Window) -> Values:
        (top, left), (rows, columns) = window.start, window.size
        with decoding(path, "slide"):
            # OpenSlide counts places in pixels of the finest level, sizes in those of the level
            at = (round(left * opened.level_downsamples[number]), round(top * opened.level_downsamples[number]))
            stored = np.asarray(opened.read_region(at, number, (columns, rows)))
        return _on_white(stored)

    return Level(shape=shape, step=step, read=read)


def _on_white(rgba: Values) -> Values:
    """Colours on white paper; ``read_region`` gives them with their own transparency, not yet multiplied."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if (alpha == 255).all():
        return rgba[..., :3]
    mixed = rgba[..., :3].astype(np.uint16) * alpha + 255 * (255 - alpha)
    return np.asarray((mixed + 127) // 255, dtype=np.uint8)


def _mpp(told: tuple[str | None, str | None]) -> tuple[float, float] | None:
    try:
        along, across = (float(v) for v in told if v is not None)
    except ValueError:
        return None
    low, high = REAL_MPP
    return (along, across) if low <= along <= high and low <= across <= high else None
