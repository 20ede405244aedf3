"""Gzip files a megabyte at a time, to the end: where the checksum is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sagittal.errors import UnreadableInput

_CHUNK = 2**20
_MAGIC = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Whether the file begins as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == _MAGIC


def pieces(path: Path, *, most: int) -> Iterator[bytes]:
    """What a gzip file holds, in pieces of at most a megabyte; every member's checksum is verified.

    Args:
        path: The file; several members one after the other count as one, zeros behind the last are skipped.
        most: Bytes that may come out before the rest is refused.

    Raises:
        UnreadableInput: Cut short, broken, a wrong checksum, or more than ``most`` bytes.
    """
    from isal import igzip_lib

    given = 0
    with path.open("rb") as file:
        data = file.read(_CHUNK)
        while data:
            member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
            while True:
                try:
                    piece = member.decompress(data, _CHUNK)
                except igzip_lib.IsalError as error:
                    raise UnreadableInput(
                        "BROKEN", path, f"its gzip stream is damaged ({error})", "copy it again from its source"
                    ) from error
                given += len(piece)
                if given > most:
                    what = f"the file goes on long after the {most:,} bytes that its header announces"
                    raise UnreadableInput("BROKEN", path, what, "copy it again from its source")
                if piece:
                    yield piece
                if member.eof:
                    break
                data = file.read(_CHUNK) if member.needs_input else b""
                if member.needs_input and not data:
                    raise UnreadableInput("TRUNCATED", path, "the gzip stream ends before its checksum", "copy it again from its source")
            data = member.unused_data or file.read(_CHUNK)
            while data and not data.strip(b"\0"):  # writers to tapes and blocks pad with zeros
                data = file.read(_CHUNK)


def blocks(path: Path, *, start: int, length: int, item: int, most: int) -> Iterator[bytes | memoryview]:
    """The bytes ``start`` to ``start + length`` of what a gzip file holds, in blocks of whole items.

    The stream is followed to its end, also behind the last block.

    Args:
        path: The file.
        start: Where the section begins.
        length: Its bytes, a multiple of ``item``.
        item: Bytes of one value.
        most: See :func:`pieces`.

    Raises:
        UnreadableInput: As :func:`pieces`, or the stream ends within the section.
    """
    seen, given, carry = 0, 0, b""
    for piece in pieces(path, most=most):
        low = max(start - seen, 0)
        high = min(start + length - seen, len(piece))
        seen += len(piece)
        if low >= high:
            continue
        part: bytes | memoryview = memoryview(piece)[low:high]
        if carry:
            part = carry + bytes(part)
        whole = len(part) - len(part) % item
        carry = bytes(part[whole:])
        given += whole
        yield part[:whole]
    if given < length:
        what = f"the values end after {given:,} of {length:,} bytes"
        raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")


def head(path: Path, length: int) -> bytes:
    """The first bytes of what a gzip file holds; fewer where it is cut short or holds less."""
    import zlib

    with path.open("rb") as file:
        try:
            return zlib.decompressobj(wbits=31).decompress(file.read(2**16), length)
        except zlib.error:
            return b""
