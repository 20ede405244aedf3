"""From a header of a volume that was understood to an image: limits, place, values when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image, Window
from sagittal.core.geometry import Frame
from sagittal.core.image import Values, default_channels
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._grid import why_absurd
from sagittal.io.readers._packed import Form
from sagittal.io.readers._stored import Section, read_section

_MOST_REST = 2**20
_MOST_CHANNELS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What the header of a volume says.

    Args:
        path: The file that was named, for messages.
        file: The file of the values.
        format: For people.
        shape: Of the grid, three axes in the order of the file.
        channels: Values a sample.
        interleaved: The values of a sample lie together; else channel after channel.
        dtype: With its byte order.
        begin: The byte where the values, or the packed stream of them, begin.
        form: How they are packed.
        affine: From indices to RAS+ in mm.
        source: Where the affine came from.
        frame: ``none`` where place and sides are not known.
        findings: What a person should know about it.
        pick: Only this channel, where the others are other volumes.
        decode: Gives the values (flat, in the order of the file) where they are no binary numbers.
    """

    path: Path
    file: Path
    format: str
    shape: tuple[int, ...]
    channels: int
    interleaved: bool
    dtype: np.dtype[Any]
    begin: int
    form: Form | None
    affine: NDArray[np.float64]
    source: str
    frame: Frame = "patient"
    findings: tuple[str, ...] = ()
    pick: int | None = None
    decode: Callable[[], Values] | None = field(default=None, repr=False)


def volume_image(volume: Volume, limits: Limits) -> Image:
    """The image; nothing is allocated before its sizes were checked.

    Raises:
        UnreadableInput: Over a limit, truncated.
        Refused: An affine that cannot be.
    """
    path, size = volume.path, volume.file.stat().st_size
    limits.check_file(volume.file, size)
    if not 1 <= volume.channels <= _MOST_CHANNELS:
        raise UnreadableInput("BROKEN", path, f"its header says {volume.channels} values a sample", "copy it again from its source")
    limits.check(path, volume.shape, volume.channels * volume.dtype.itemsize, stored=size)
    needed = math.prod(volume.shape) * volume.channels * volume.dtype.itemsize
    if volume.begin < 0 or (volume.form is None and volume.decode is None and size < volume.begin + needed):
        what = f"the file ends after {size:,} of {volume.begin + needed:,} bytes"
        raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
    bad = why_absurd(volume.affine, volume.shape)
    if bad:
        raise Refused("AFFINE", path, f"its {volume.source} {bad}", "write the header anew from the source")
    section = Section(
        path=volume.file,
        dtype=volume.dtype,
        start=0 if volume.form else volume.begin,
        shape=(volume.channels, *volume.shape, 1) if volume.interleaved else (*volume.shape, volume.channels),
        form=volume.form,
        at=volume.begin,
        most=needed + _MOST_REST,
    )

    def load(window: Window) -> Values:
        with decoding(path, volume.format):
            whole = read_section(section, window) if volume.decode is None else _laid(volume.decode(), section, window)
            return whole if volume.pick is None else whole[volume.pick : volume.pick + 1]

    geometry = Geometry(shape=volume.shape, affine=volume.affine, unit="mm", frame=volume.frame)
    meta: dict[str, object] = {
        "format": volume.format,
        "bits": volume.dtype.itemsize * 8,
        "mode": str(volume.dtype),
        "affine": volume.source,
        "findings": volume.findings,
    }
    return Image(geometry=geometry, channels=default_channels(1 if volume.pick is not None else volume.channels), load=load, meta=meta)


def _laid(flat: Values, section: Section, window: Window) -> Values:
    whole = flat.reshape(section.shape, order="F")
    first: Values = whole[..., 0] if whole.ndim == 5 else np.moveaxis(whole, -1, 0)
    return first[(slice(None), *window.slices)]
