"""The bytes of a DICOM data set through a window that moves forward: a file, bytes in memory, or a deflated file."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits

FIRST = 1 << 14
"""Bytes of the first window; most headers end within it."""
NEXT = 1 << 16


class Source(Protocol):
    """Bytes from ``base`` on; ``end`` is where they end, or, where ``capped``, where they must not go beyond."""

    window: bytes
    base: int
    end: int
    capped: bool

    def move(self, at: int) -> None:
        """Let the window begin at ``at``, which is not before ``base``; it is empty past the end."""


class MemorySource:
    """Bytes that are in memory already: one window over all of them."""

    def __init__(self, data: bytes) -> None:
        self.window, self.base, self.end, self.capped = data, 0, len(data), False

    def move(self, at: int) -> None:
        """Nothing moves but what lies past the end."""


class FileSource:
    """A file, of which only the window is in memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.window, self.base, self.end, self.capped = file.read(FIRST), 0, size, False

    def move(self, at: int) -> None:
        """One read; what is skipped is never read."""
        self._file.seek(at)
        self.window, self.base = self._file.read(NEXT), at


class DeflatedSource:
    """A deflated data set (PS3.5 A.5), inflated a window at a time and thrown away behind it.

    Places are those of the inflated data set. ``end`` is not known before the end is reached: it is the limit.
    """

    def __init__(self, file: BinaryIO, start: int, size: int, path: Path, limits: Limits) -> None:
        file.seek(start)
        self._file, self._path, self._limits, self._stored = file, path, limits, size
        self._inflate = zlib.decompressobj(wbits=-15)
        self.window, self.base, self.capped = b"", 0, True
        self.end = min(limits.bytes, max(int(limits.ratio * size), limits.floor))
        self.move(0)

    def move(self, at: int) -> None:
        """Inflate up to ``at`` and one window more.

        Raises:
            UnreadableInput: The stream is broken, or goes over the limit.
        """
        keep = self.window[at - self.base :]
        place = self.base + len(self.window)
        pieces = [keep]
        while sum(map(len, pieces)) < NEXT and not self._inflate.eof:
            piece = self._some()
            if place + len(piece) > at:
                pieces.append(piece[max(at - place, 0) :])
            place += len(piece)
            if place > self.end:
                raise inflated_too_far(self._path, self._stored, self.end)
        if self._inflate.eof:
            self.end, self.capped = place, False
        self.window, self.base = b"".join(pieces), at

    def _some(self) -> bytes:
        fed = self._inflate.unconsumed_tail or self._file.read(NEXT)
        if not fed:
            raise UnreadableInput("TRUNCATED", self._path, "the deflated data set ends early", "copy it again from its source")
        try:
            return self._inflate.decompress(fed, NEXT)
        except zlib.error as error:
            raise UnreadableInput("BROKEN", self._path, "the deflated data set is broken", "copy it again from its source") from error


def inflated_too_far(item: object, stored: int, end: int) -> UnreadableInput:
    """The refusal of a deflated data set that goes on where it must end."""
    what = f"{stored:,} bytes would decode to more than {end:,}, over the limit"
    return UnreadableInput("OVER_LIMIT", item, what, "raise the limit (--max-pixels) if the file is to be trusted")
