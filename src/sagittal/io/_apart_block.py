"""Memory that two processes see, without a name that could outlive them."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**24
"""Bytes of one batch of answers; a single larger answer has a block of its own."""


class Block:
    """Memory that two processes see, without a name that could outlive them."""

    def __init__(self) -> None:
        self.size = 0
        self._map: mmap.mmap | None = None
        self._fd = -1
        self.name = f"sagittal-{uuid.uuid4().hex}"
        if sys.platform == "linux":
            self._fd = os.memfd_create("sagittal-decoded")
        elif sys.platform != "win32":
            with tempfile.TemporaryFile() as file:
                self._fd = os.dup(file.fileno())
        self.fds = (self._fd,) if self._fd >= 0 else ()
        self.name = str(self._fd) if self._fd >= 0 else self.name

    def hold(self, size: int) -> None:
        """Make it large enough; what it held may be lost."""
        if size > self.size:
            self._resize(max(size, BLOCK))

    def shrink(self) -> None:
        if self.size > BLOCK:
            self._resize(BLOCK)

    def copy(self, at: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array of its own: the memory is written to again."""
        return np.ndarray(shape, dtype, buffer=self._map, offset=at).copy()

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _resize(self, size: int) -> None:
        if self._map is not None:
            self._map.close()
        if self._fd >= 0:
            os.ftruncate(self._fd, size)
            self._map = mmap.mmap(self._fd, size)
        else:
            self._map = _named(self.name, size)
        self.size = size


def _named(name: str, size: int) -> mmap.mmap:
    """A mapping that Windows keeps as long as somebody has it open."""
    options: Any = {"tagname": f"{name}-{size}"}
    return mmap.mmap(-1, size, **options)


def padded(size: int) -> int:
    """A size rounded up to where the next answer may begin."""
    return -(-max(size, 1) // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
