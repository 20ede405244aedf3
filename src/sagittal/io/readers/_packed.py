"""Packed streams (gzip, zlib, bzip2) a megabyte at a time, to the end: where the checksum is."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from sagittal.errors import UnreadableInput

Form = Literal["gzip", "zlib", "bzip2"]
_CHUNK = 2**20
_AGAIN = "copy it again from its source"
_MAGIC = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Whether the file begins as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == _MAGIC


def pieces(path: Path, *, most: int, form: Form = "gzip", at: int = 0) -> Iterator[bytes]:
    """What a packed file holds, in pieces of at most a megabyte; every member's checksum is verified.

    Args:
        path: The file; several members one after the other count as one, zeros behind the last are skipped.
        most: Bytes that may come out before the rest is refused.
        form: How it is packed.
        at: The byte where the packed stream begins.

    Raises:
        UnreadableInput: Cut short, broken, a wrong checksum, or more than ``most`` bytes.
    """
    given = 0
    with path.open("rb") as file:
        file.seek(at)
        data = file.read(_CHUNK)
        if not data:
            raise _short(path, form)
        while data:
            member = _member(form)
            while not member.eof:
                piece = _unpacked(member, data, path, form)
                given += len(piece)
                if given > most:
                    what = f"the file goes on long after the {most:,} bytes that its header announces"
                    raise UnreadableInput("BROKEN", path, what, _AGAIN)
                if piece:
                    yield piece
                if not member.eof:
                    data = file.read(_CHUNK) if member.needs_input else b""
                    if member.needs_input and not data:
                        raise _short(path, form)
            data = member.unused_data or file.read(_CHUNK)
            while data and not data.strip(b"\0"):  # writers to tapes and blocks pad with zeros
                data = file.read(_CHUNK)


def _member(form: Form) -> Any:
    if form == "bzip2":
        return bz2.BZ2Decompressor()
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP if form == "gzip" else igzip_lib.DECOMP_ZLIB)


def _unpacked(member: Any, data: bytes, path: Path, form: Form) -> bytes:
    from isal import igzip_lib

    damaged: Any = igzip_lib.error
    try:
        return bytes(member.decompress(data, _CHUNK))
    except (damaged, ValueError, OSError, EOFError) as error:
        raise UnreadableInput("BROKEN", path, f"its {form} stream is damaged ({error})", _AGAIN) from error


def _short(path: Path, form: Form) -> UnreadableInput:
    return UnreadableInput("TRUNCATED", path, f"the {form} stream ends before its checksum", _AGAIN)


def blocks(path: Path, *, start: int, length: int, item: int, most: int, form: Form = "gzip", at: int = 0) -> Iterator[bytes | memoryview]:
    """The bytes ``start`` to ``start + length`` of what a packed file holds, in blocks of whole items.

    The stream is followed to its end, also behind the last block.

    Args:
        path: The file.
        start: Where the section begins.
        length: Its bytes, a multiple of ``item``.
        item: Bytes of one value.
        most: See :func:`pieces`.
        form: See :func:`pieces`.
        at: See :func:`pieces`.

    Raises:
        UnreadableInput: As :func:`pieces`, or the stream ends within the section.
    """
    seen, given, carry = 0, 0, b""
    for piece in pieces(path, most=most, form=form, at=at):
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
        raise UnreadableInput("TRUNCATED", path, what, _AGAIN)


def head(path: Path, length: int) -> bytes:
    """The first bytes of what a gzip file holds; fewer where it is cut short or holds less."""
    with path.open("rb") as file:
        try:
            return zlib.decompressobj(wbits=31).decompress(file.read(2**16), length)
        except zlib.error:
            return b""
