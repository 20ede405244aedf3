"""A stored zip read to the letter: every byte of the file is accounted for, so no two readers see two contents.

Ordinary zip readers look for the directory from the end, trust it over the entries, skip what lies between, and
decompress. A package needs none of that: its entries are stored, lie one behind the other from the first byte, and
the directory and the end record follow at once. What is anything else is refused (APPNOTE.TXT 6.3.10, 4.3).
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from typing import BinaryIO

LARGEST = 2**32 - 2**20
"""Bytes of a package: below 4 GiB, so that no zip64 field is ever right."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Where a file of the zip lies.

    Args:
        name: Its name.
        start: Offset of its first byte.
        size: In bytes.
        crc: CRC-32 that the zip states.
    """

    name: str
    start: int
    size: int
    crc: int


def entries(file: BinaryIO, names: frozenset[str]) -> dict[str, Entry]:
    """The entries of a zip that holds exactly these files.

    Args:
        file: Open for reading.
        names: All names that it must hold, each once; plain ASCII.

    Raises:
        ValueError: It is not such a zip; the message says what is wrong.
    """
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        raise ValueError(f"has {size} bytes, which is no zip")
    if size > LARGEST:
        raise ValueError(f"has {size:,} bytes, over the limit of {LARGEST:,}")
    at, directory = _end(_read(file, size - _END.size, _END.size), size, len(names))
    found: dict[str, Entry] = {}
    behind, position = 0, at
    for _ in range(len(names)):
        head = _read(file, position, _CENTRAL.size)
        entry, said = _central(head, _read(file, position + _CENTRAL.size, _name_length(head)), names)
        if entry.name in found:
            raise ValueError(f"has two entries called {entry.name}")
        position += _CENTRAL.size + len(entry.name)
        if entry.start != behind:
            raise ValueError(f"{entry.name} does not begin where the entry before it ends")
        local = _read(file, behind, _LOCAL.size + len(entry.name))
        if local != _LOCAL.pack(b"PK\3\4", *said) + entry.name.encode("ascii"):
            raise ValueError(f"{entry.name} says one thing of itself and the directory another")
        begin = behind + len(local)
        behind = begin + entry.size
        if behind > at:
            raise ValueError(f"{entry.name} reaches into the directory")
        found[entry.name] = Entry(name=entry.name, start=begin, size=entry.size, crc=entry.crc)
    if behind != at or position != at + directory:
        raise ValueError("holds bytes that belong to no entry")
    return found


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    data = file.read(count)
    if len(data) != count:
        raise ValueError("ends too early")
    return data


def _end(record: bytes, size: int, count: int) -> tuple[int, int]:
    """Where the directory begins, and how long it is."""
    mark, disk, first, here, total, length, at, comment = _END.unpack(record)
    if mark != b"PK\5\6":
        raise ValueError("does not end with the end record of a zip: no zip, cut off, or with something behind it")
    if disk or first or comment:
        raise ValueError("is a zip in parts, or with a comment")
    if here != count or total != count:
        raise ValueError(f"has {total} entries where a package has {count}")
    if at + length + _END.size != size:
        raise ValueError("its directory is not where the end record says: something was put before or behind it")
    return at, length


def _name_length(head: bytes) -> int:
    length: int = _CENTRAL.unpack(head)[10]
    return length


def _central(head: bytes, raw: bytes, names: frozenset[str]) -> tuple[Entry, tuple[int, ...]]:
    """An entry of the directory, and what its local header must say."""
    mark, _, needs, flags, method, time, date, crc, packed, size, length, extra, comment, disk, _, mode, start = _CENTRAL.unpack(head)
    if mark != b"PK\1\2":
        raise ValueError("its directory is broken")
    name = raw.decode("ascii", errors="backslashreplace")
    if name not in names:
        raise ValueError(f"holds {name[:80]!r}; a package holds {', '.join(sorted(names))} and nothing else")
    if flags & 1:
        raise ValueError(f"{name} is encrypted")
    if method or packed != size:
        raise ValueError(f"{name} is compressed; packages are stored")
    if flags or needs > 20:
        raise ValueError(f"{name} uses features of zip that packages do not use")
    if extra or comment or disk:
        raise ValueError(f"{name} carries extra fields or a comment")
    if stat.S_IFMT(mode >> 16) not in {0, stat.S_IFREG} or mode & 0x10:
        raise ValueError(f"{name} is a link, a folder or a device, not a file")
    if 0xFFFFFFFF in {size, packed, start}:
        raise ValueError(f"{name} claims sizes of zip64")
    return Entry(name=name, start=start, size=size, crc=crc), (needs, flags, method, time, date, crc, packed, size, length, extra)
