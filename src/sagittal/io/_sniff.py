"""What a file really is, by its first bytes and not by its name."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sagittal.errors import UnreadableInput, UsageError
from sagittal.io._reader import Begun, Format, Reader, Writer, starts
from sagittal.shelf import Shelf

HEAD = 4096
"""By so many bytes the content is told."""

BEGUN = 1 << 17
"""Bytes read at once: they hold nearly every picture's header, and most small pictures whole, which are then not read again."""

# Known, so that a refusal can say what the file is; not read here.
FOREIGN = (
    Format(name="GIF", suffixes=(".gif",), matches=starts(b"GIF87a", b"GIF89a")),
    Format(name="WebP", suffixes=(".webp",), matches=lambda h: h.startswith(b"RIFF") and h[8:12] == b"WEBP"),
    Format(name="JPEG 2000", suffixes=(".jp2", ".j2k", ".jpx"), matches=starts(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    Format(name="HEIF", suffixes=(".heic", ".heif", ".avif"), matches=lambda h: h[4:8] == b"ftyp"),
    Format(name="PDF", suffixes=(".pdf",), matches=starts(b"%PDF")),
    Format(name="ZIP", suffixes=(".zip", ".xlsx", ".docx", ".sagittal"), matches=starts(b"PK\x03\x04", b"PK\x05\x06")),
    Format(name="gzip", suffixes=(".gz", ".tgz"), matches=starts(b"\x1f\x8b")),
    Format(name="pickle", suffixes=(".pkl", ".pickle"), matches=starts(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")),
    Format(name="HTML", suffixes=(".html", ".htm"), matches=lambda h: h.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))),
    Format(name="XML", suffixes=(".xml",), matches=lambda h: h.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml")),
    Format(name="JSON", suffixes=(".json",), matches=lambda h: h.lstrip()[:1] in {b"{", b"["} and is_text(h)),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: its format, who reads it (None: nobody here), and what was read of it to tell that."""

    format: Format
    reader: Reader | None
    begun: Begun | None = None


def readers() -> Shelf:
    """The shelf of readers.

    >>> readers().names()
    ['aperio_xml', 'array', 'asap_xml', 'coco', 'dicom', 'geojson', 'metaimage', 'nifti', 'nrrd', 'raster', 'slide', 'svg', 'table']
    """
    return Shelf("sagittal.io.readers", kind="reader")


def look(path: Path) -> Found:
    """What the file is.

    Raises:
        UnreadableInput: Not there, not a regular file, empty, no permission, of no known format, or of
            another one than its name says.
    """
    by_name = _by_name(path)
    named = by_name.format if by_name is not None else None
    begun = begin(named.header(path) if named is not None and named.header is not None else path)
    head = begun.head[:HEAD]
    if by_name is not None and by_name.format.sure and by_name.format.matches(head) and head[128:132] != b"DICM":
        return Found(by_name.format, by_name.reader, begun)
    special = _claimed(path, head)
    if special is not None:
        return special
    found = _by_content(head)
    if found is None:
        said = named.name if named else "no known format"
        what = f"its name says {said}, but its content is {_describe(head)}"
        raise UnreadableInput("UNKNOWN_CONTENT", path, what, "check what it is, or leave it out")
    # pictures under each other's names are common, and harmless: the content decides
    kin = named is not None and found.reader is not None and named in found.reader.formats and found.reader.name == "raster"
    # ``Aperio XML`` in a file that is called .xml: a special kind of what its name says
    kin = kin or (named is not None and found.format.name.endswith(named.name))
    if named is not None and named.name != found.format.name and not kin:
        what = f"its name says {named.name}, but its content is {found.format.name}"
        ending = f" to end in {found.format.suffixes[0]}" if found.format.suffixes else ""
        meant = "it is a table" if found.reader is not None and found.reader.name == "table" else "that is what you mean"
        remedy = f"rename it{ending} if {meant}, or leave it out"
        raise UnreadableInput("WRONG_SUFFIX", path, what, remedy)
    return Found(found.format, found.reader, begun)


def identify(path: Path) -> str | None:
    """The name of the format by content; None when not known."""
    found = _by_content(begin(path).head[:HEAD])
    return found.format.name if found else None


def writers() -> Shelf:
    """The shelf of writers.

    >>> writers().names()
    ['csv', 'dicom', 'geojson', 'metaimage', 'nifti', 'nrrd', 'raster', 'svg']
    """
    return Shelf("sagittal.io.writers", kind="writer")


def writer_of(path: Path) -> Writer:
    """The writer that the suffix names.

    Raises:
        UsageError: No writer knows it.
    """
    shelf = writers()
    known = {s: writer for name in shelf.names() for writer in [shelf.get(name)] for s in writer.suffixes}
    ends = [s for s in known if path.name.lower().endswith(s)]
    if not ends:
        raise UsageError("UNKNOWN_SUFFIX", path, "no writer knows this suffix", f"choose one of {', '.join(sorted(known))}")
    chosen: Writer = known[max(ends, key=len)]
    return chosen


def begin(path: Path) -> Begun:
    """The first bytes of a regular file, and its size.

    Raises:
        UnreadableInput: Not there, a folder, a device or pipe, empty, or not permitted.
    """
    try:
        about = path.stat()
        mode = about.st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableInput("IS_FOLDER", path, "it is a folder where a file is expected", "name a file in it")
        if not stat.S_ISREG(mode):
            raise UnreadableInput("NOT_A_FILE", path, "it is a device, pipe or socket", "name a regular file")
        with path.open("rb", buffering=0) as file:
            head = file.read(BEGUN)
    except ValueError as error:  # a NUL in the name
        raise UnreadableInput("NOT_FOUND", path, "this cannot be the name of a file", "check the name") from error
    except OSError as error:
        raise _no_access(path, error) from error
    if not head:
        raise UnreadableInput("EMPTY", path, "the file has no bytes", "copy it again, or leave it out")
    return Begun(head, about.st_size)


def format_of_name(path: Path) -> Format | None:
    """The format that the file's suffix stands for; None for a suffix that says nothing."""
    found = _by_name(path)
    return found.format if found is not None else None


def _by_name(path: Path) -> Found | None:
    known = _suffixes()
    # As ``Path.suffixes`` has them, which takes longer.
    parts = path.name.lower().lstrip(".").split(".")[1:][-2:]
    return known.get("." + ".".join(parts)) or (known.get("." + parts[-1]) if parts else None)


def is_text(head: bytes) -> bool:
    """Whether these bytes are the beginning of a text: UTF-8, UTF-16 with its mark, or an 8-bit code page.

    >>> is_text(b"file,label"), is_text(bytes(range(32)))
    (True, False)
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return len(head) > 2 and b"\0\0\0" not in head
    if not head or any(b < 32 and b not in b"\t\n\r\f\x1b" for b in head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # a code page has letters beyond ASCII among plain ones
        return sum(b < 127 for b in head) >= len(head) / 2
    return True


@lru_cache(maxsize=1)
def _suffixes() -> dict[str, Found]:
    shelf = readers()
    ours = [Found(f, reader) for name in shelf.names() for reader in [shelf.get(name)] for f in reader.formats]
    return {suffix: found for found in (*(Found(f, None) for f in FOREIGN), *ours) for suffix in found.format.suffixes}


@lru_cache(maxsize=1)
def _ordered() -> tuple[Reader, ...]:
    shelf = readers()
    # the table reader takes any text, so it is asked last
    return tuple(sorted((shelf.get(name) for name in shelf.names()), key=lambda r: r.name == "table"))


@lru_cache(maxsize=1)
def _claimers() -> tuple[Reader, ...]:
    return tuple(r for r in _ordered() if r.claims is not None)


@lru_cache(maxsize=1)
def _contents() -> tuple[Found, ...]:
    """All formats in the order in which they are tried, flat: every picture of a data set is asked this in every epoch."""
    *binary, table = _ordered()
    ours = [Found(f, reader) for reader in binary for f in reader.formats]
    return (*ours, *(Found(f, None) for f in FOREIGN), *(Found(f, table) for f in table.formats))


def _claimed(path: Path, head: bytes) -> Found | None:
    for reader in _claimers():
        form = reader.claims(path, head) if reader.claims is not None else None
        if form is not None:
            return Found(form, reader)
    return None


def _by_content(head: bytes) -> Found | None:
    for found in _contents():
        if found.format.matches(head):
            return found
    return None


def _describe(head: bytes) -> str:
    if not any(head):
        return "zeros only"
    return f"unknown (it begins with {head[:8].hex(' ')})"


def _no_access(path: Path, error: OSError) -> UnreadableInput:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UnreadableInput("NOT_FOUND", path, "there is no such file", "check the path")
    if isinstance(error, PermissionError):
        return UnreadableInput("NO_PERMISSION", path, "reading it is not permitted", "change its permissions")
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    code = "LONG_NAME" if error.errno == errno.ENAMETOOLONG else "NO_ACCESS"
    return UnreadableInput(code, path, f"it cannot be opened ({reason})", "check the path and the disk")
