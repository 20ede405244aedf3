"""The npy format and zips of it, read without pickles and within limits."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits, decoding


def map_npy(path: Path, limits: Limits) -> NDArray[Any]:
    """The array of an npy file, mapped into memory: only what is looked at is read.

    Raises:
        UnreadableInput: Broken, truncated, over a limit, or holding objects.
    """
    with decoding(path, "npy"):
        size = path.stat().st_size
        with path.open("rb") as file:
            shape, fortran, dtype = _header(file, path, limits, stored=size)
            start = file.tell()
        needed = start + math.prod(shape) * dtype.itemsize
        if size < needed:
            raise UnreadableInput("TRUNCATED", path, f"the file ends after {size:,} of {needed:,} bytes", "copy it again from its source")
        return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape, order="F" if fortran else "C")


def member_names(path: Path) -> list[str]:
    """The names of the arrays in an npz file.

    Raises:
        UnreadableInput: Not a sound zip, or two arrays of one name.
    """
    with decoding(path, "npz"), zipfile.ZipFile(path) as opened:
        names = [i.filename.removesuffix(".npy") for i in opened.infolist() if i.filename.endswith(".npy")]
    if len(set(names)) != len(names):
        raise UnreadableInput("BROKEN", path, "two of its arrays have the same name", "copy it again from its source")
    if not names:
        raise UnreadableInput("EMPTY", path, "it holds no arrays", "leave it out")
    return names


def member_shapes(path: Path, limits: Limits) -> dict[str, tuple[int, ...]]:
    """The shape of each array of numbers in an npz file, from its header alone.

    Raises:
        UnreadableInput: Not a sound zip, or two arrays of one name.
    """
    shapes = {}
    with decoding(path, "npz"), zipfile.ZipFile(path) as opened:
        for name in member_names(path):
            with opened.open(f"{name}.npy") as member:
                try:
                    shapes[name] = _header(cast("BinaryIO", member), path, limits, stored=opened.getinfo(f"{name}.npy").compress_size)[0]
                except UnreadableInput:
                    continue  # names of classes and the like beside the arrays
    return shapes


def read_member(path: Path, name: str, limits: Limits) -> NDArray[Any]:
    """One array of an npz file, decompressed; never more bytes than its own header announces.

    Raises:
        UnreadableInput: Broken (the zip's checksum is verified), over a limit, or holding objects.
    """
    with decoding(path, "npz"), zipfile.ZipFile(path) as opened:
        info = opened.getinfo(f"{name}.npy")
        with opened.open(info) as member:
            file = cast("BinaryIO", member)
            shape, fortran, dtype = _header(file, path, limits, stored=info.compress_size)
            needed = math.prod(shape) * dtype.itemsize
            if member.tell() + needed != info.file_size:
                what = f"the array {name} announces {needed:,} bytes, the zip {info.file_size - member.tell():,}"
                raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
            data = bytearray(needed)
            view, filled = memoryview(data), 0
            while filled < needed:
                read = member.read(min(needed - filled, 2**20))
                if not read:
                    raise EOFError(f"the array {name} ends after {filled:,} of {needed:,} bytes")
                view[filled : filled + len(read)] = read
                filled += len(read)
            member.read(1)  # reaching the end verifies the checksum
    values: NDArray[Any] = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    values.setflags(write=False)
    return values


def _header(file: BinaryIO, path: Path, limits: Limits, *, stored: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=10_000)
    if dtype.hasobject or dtype.kind not in "buif":
        raise UnreadableInput("NOT_NUMBERS", path, f"the array holds {dtype}, not numbers", "save it as numbers")
    # a whole data set may lie in one array, so its images are not counted as the pixels of one
    limits.but(pixels=limits.bytes).check(path, shape or (1,), dtype.itemsize, stored=stored)
    return shape, fortran, dtype
