"""Stored pixels to float32 values, straight into the volume: one pass, no volume in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sagittal.core.image import Values
from sagittal.errors import UnreadableInput
from sagittal.io.dicom._planes import Plane
from sagittal.io.dicom._stored import Stored
from sagittal.io.dicom.header import BIG_ENDIAN, NATIVE
from sagittal.io.guard import Limits
from sagittal.ops.stored import to_values

AIR_HU = -1024.0
"""What padding of a CT becomes: the lowest number of the usual scale, since outside the scan circle there is air."""


@dataclass(frozen=True, slots=True)
class Box:
    """Rows and columns that are wanted of every slice, as half-open ranges."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]


def is_colour(stored: Stored) -> bool:
    """Whether it gives red, green and blue."""
    return stored.samples >= 3 or len(stored.palette) == 3


def read_planes(planes: Sequence[Plane], box: Box, limits: Limits) -> NDArray[Any]:
    """The values of slices: ``(n, rows, columns)`` float32, or ``(n, rows, columns, 3)`` as stored where they have colours.

    Rescaled by each slice's own slope and intercept; bits above the stored ones taken off, the sign extended, padding
    of CT replaced before the slope. Files are read one slice at a time.

    Raises:
        UnreadableInput: Truncated or broken pixels; the message names the file.
    """
    for plane in planes:
        if plane.broken is not None:
            raise plane.broken
    first = planes[0].stored
    if is_colour(first):
        return _colours(planes, box, limits)
    for plane in planes:
        _check(plane.stored, limits)
    made: NDArray[np.float32] = np.empty((len(planes), *box.shape), dtype=np.float32)
    plain = [n for n, plane in enumerate(planes) if _is_plain(plane.stored)]
    _read_plain(planes, plain, box, made)
    others = sorted(set(range(len(planes))) - set(plain))
    if others:
        _read_others(planes, others, box, made, limits)
    return made


def _check(stored: Stored, limits: Limits) -> None:
    size = max(stored.bits_allocated // 8, 4) * stored.samples
    limits.check(stored.path, (stored.rows, stored.columns, stored.frames), size, stored=stored.size)


def _is_plain(stored: Stored) -> bool:
    if stored.syntax == BIG_ENDIAN and stored.bits_allocated == 8 and stored.vr == "OW":
        return False  # bytes were written two by two, as words of the other order
    return stored.syntax in NATIVE and stored.samples == 1 and stored.length >= 0 and stored.bits_allocated in {8, 16, 32, 64}


def _read_plain(planes: Sequence[Plane], which: Sequence[int], box: Box, made: NDArray[np.float32]) -> None:
    """Uncompressed slices: seek, read into a buffer that stays in the processor's cache, convert into the volume."""
    buffer = np.empty(0, dtype=np.uint8)
    opened: BinaryIO | None = None
    path: Path | None = None
    try:
        for n in which:
            plane = planes[n]
            stored = plane.stored
            width = stored.bits_allocated // 8
            begin = stored.offset + width * stored.columns * (plane.frame * stored.rows + plane.corner[0] + box.rows[0])
            count = width * stored.columns * box.shape[0]
            if begin + count > min(stored.offset + stored.length, stored.size):
                raise _cut(stored)
            if buffer.size < count:
                buffer = np.empty(count, dtype=np.uint8)
            if opened is None or path != stored.path:
                if opened is not None:
                    opened.close()
                opened, path = stored.path.open("rb", buffering=0), stored.path
            opened.seek(begin)
            _fill(opened, memoryview(buffer.data)[:count], stored)
            rows = buffer[:count].view(_dtype(stored)).reshape(box.shape[0], stored.columns)
            start = plane.corner[1] + box.columns[0]
            _convert(rows[:, start : start + box.shape[1]], plane, made[n], clean=False)
    finally:
        if opened is not None:
            opened.close()


def _fill(file: BinaryIO, view: memoryview, stored: Stored) -> None:
    done = 0
    while done < len(view):
        n = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not n:
            raise _cut(stored)
        done += n


def _cut(stored: Stored) -> UnreadableInput:
    return UnreadableInput("TRUNCATED", stored.path, "the file ends before its last pixel", "copy it again from its source")


def _dtype(stored: Stored) -> np.dtype[Any]:
    kind = "f" if stored.kind != "whole" else "u"
    return np.dtype(f"{'>' if stored.syntax == BIG_ENDIAN else '<'}{kind}{stored.bits_allocated // 8}")


def _convert(pixels: NDArray[Any], plane: Plane, out: NDArray[np.float32], *, clean: bool) -> None:
    """One slice of stored pixels to values; ``clean`` pixels have no bits above the stored ones."""
    stored = plane.stored
    slope, intercept = plane.rescale or (1.0, 0.0)
    if pixels.dtype.kind == "f" or pixels.dtype.itemsize > 4:
        out[...] = pixels.astype(np.float64) * slope + intercept
        return
    signed = stored.signed
    if clean:
        bits = pixels.dtype.itemsize * 8
        high = bits - 1
    else:
        bits, high = stored.bits_stored, min(stored.high_bit, stored.bits_allocated - 1)
    if not high + 1 >= bits >= 1:
        bits, high = stored.bits_allocated, stored.bits_allocated - 1
    native = (
        pixels.astype(f"u{pixels.dtype.itemsize}", copy=False) if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))
    )
    if native.dtype.kind == "i":
        native = native.view(f"u{native.dtype.itemsize}")
    padding = stored.padding if plane.about.modality == "CT" else None
    to_values(native, out, slope, intercept, bits=bits, high=high, signed=signed, padding=padding, filler=AIR_HU)


def _requests(planes: Sequence[Plane], which: Sequence[int]) -> tuple[list[Any], list[list[int]]]:
    """One request a file of which every frame is wanted, one a frame otherwise; and which slices each answers."""
    from sagittal.io.dicom.pixels import PixelRequest

    by_file: dict[Path, list[int]] = {}
    for n in which:
        by_file.setdefault(planes[n].stored.path, []).append(n)
    requests, answers = [], []
    for members in by_file.values():
        stored = planes[members[0]].stored
        frames = {planes[n].frame for n in members}
        for frame in [None] if len(frames) == stored.frames else sorted(frames):
            requests.append(
                PixelRequest(
                    path=stored.path,
                    frame=frame,
                    rows=stored.rows,
                    columns=stored.columns,
                    samples=stored.samples,
                    frames=stored.frames,
                    bits_allocated=stored.bits_allocated,
                    bits_stored=stored.bits_stored,
                    signed=stored.signed,
                    photometric=stored.photometric,
                    planar=stored.planar,
                    transfer_syntax=stored.syntax,
                    offset=stored.offset,
                    length=stored.length,
                    vr=stored.vr,
                )
            )
            answers.append([n for n in members if frame is None or planes[n].frame == frame])
    return requests, answers


def _read_others(planes: Sequence[Plane], which: Sequence[int], box: Box, made: NDArray[np.float32], limits: Limits) -> None:
    """What is compressed, packed or deflated."""
    from sagittal.io.dicom.pixels import read_pixels

    requests, answers = _requests(planes, which)
    for place, pixels in read_pixels(requests, limits=limits):
        for n in answers[place]:
            _convert(_cut_out(pixels, requests[place].frame, planes[n], box), planes[n], made[n], clean=True)


def _cut_out(pixels: NDArray[Any], frame: int | None, plane: Plane, box: Box) -> NDArray[Any]:
    whole: NDArray[Any] = pixels[plane.frame if frame is None else 0]
    row, column = plane.corner
    part: NDArray[Any] = whole[row + box.rows[0] : row + box.rows[1], column + box.columns[0] : column + box.columns[1]]
    return part


def _colours(planes: Sequence[Plane], box: Box, limits: Limits) -> NDArray[Any]:
    """Red, green and blue; a palette gives its colours, of 8 bits as the pictures of other formats."""
    from sagittal.io.dicom.pixels import read_pixels

    requests, answers = _requests(planes, range(len(planes)))
    made: Values | None = None
    for place, pixels in read_pixels(requests, limits=limits):
        for n in answers[place]:
            part = _cut_out(pixels, requests[place].frame, planes[n], box)
            stored = planes[n].stored
            part = _painted(part, stored) if stored.palette else part[..., :3]
            if made is None:
                made = np.empty((len(planes), *part.shape), dtype=part.dtype)
            made[n] = part
    if made is None:
        raise UnreadableInput("EMPTY", planes[0].stored.path, "there are no pixels", "leave it out")
    return made


def _painted(indices: NDArray[Any], stored: Stored) -> NDArray[np.uint8]:
    """Palette positions to colours (PS3.3 C.7.6.3.1.5)."""
    channels = []
    for descriptor, data in stored.palette:
        if len(descriptor) != 3 or not data:
            raise UnreadableInput("UNSUPPORTED", stored.path, "its palette is missing or segmented", "export it as RGB")
        entries, first, bits = int(descriptor[0]) or 2**16, int(descriptor[1]), int(descriptor[2])
        order = ">" if stored.syntax == BIG_ENDIAN else "<"
        table = np.frombuffer(data, dtype=np.uint8 if len(data) < 2 * entries else f"{order}u2").astype(np.uint16)
        if entries > len(table):
            raise UnreadableInput("BROKEN", stored.path, "its palette is shorter than it says", "copy it again from its source")
        # a table of 16 bits may hold 8-bit colours in either half of its words
        wide = bits > 8 and table.max() > 255
        colours = (table >> 8 if wide else table).astype(np.uint8)
        channels.append(colours[np.clip(indices.astype(np.int64) - first, 0, entries - 1)])
    return np.stack(channels, axis=-1)
