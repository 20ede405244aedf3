"""NRRD volumes, attached or detached: values on a grid in RAS+ millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sagittal.core import Image
from sagittal.core.image import Values
from sagittal.errors import Refused, UnreadableInput
from sagittal.io._reader import Format, Reader, starts
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._beside import beside
from sagittal.io.readers._nrrd_header import Header, parse
from sagittal.io.readers._packed import Form
from sagittal.io.readers._volume import Volume, volume_image

_FORMS: dict[str, Form | None] = {"raw": None, "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_TEXT = {"ascii", "text", "txt"}
_MOST_TEXT = 2**26


def _open(path: Path, part: str, limits: Limits) -> Image:
    """The volume in an NRRD file: ``(C, i, j, k)`` in the order of the file, its affine to RAS+ in mm.

    An axis without a direction whose kind says vector or colour gives channels; of any other the part picks one
    (``scan.nrrd::3``) or takes all (``scan.nrrd::channels``). A plane is a volume of one slice.

    Raises:
        UnreadableInput: Broken, truncated, over a limit; a kind of values, encoding or space that is not read.
        Refused: Values in another folder (``DATA_FILE``), ``AFFINE``, ``SEVERAL_VOLUMES``.
    """
    with decoding(path, "NRRD"):
        header = parse(path)
        pick = _picked(header, part, path)
        file = beside(path, header.data_file) if header.data_file else path
        text = header.encoding in _TEXT
        if not text and header.encoding not in _FORMS:
            raise UnreadableInput("UNSUPPORTED", path, f"the encoding {header.encoding[:20]!r} is not read", "save it as raw or gzip")
        form = None if text else _FORMS[header.encoding]
        begin = header.end if not header.data_file else 0
        if header.byte_skip == -1 and form is None and not text:
            begin = max(0, file.stat().st_size - header.nbytes)
        elif header.byte_skip:
            begin += header.byte_skip
        volume = Volume(
            path=path,
            file=file,
            format="NRRD",
            shape=header.shape,
            channels=header.channels,
            interleaved=header.interleaved,
            dtype=header.dtype,
            begin=begin,
            form=form,
            affine=header.affine,
            source="space directions" if header.frame == "patient" else "spacings",
            frame=header.frame,
            findings=header.findings,
            pick=pick,
            decode=(lambda: _numbers(file, begin, header)) if text else None,
        )
        return volume_image(volume, limits)


def _picked(header: Header, part: str, path: Path) -> int | None:
    if part == "channels" or (not part and (header.channels == 1 or header.vector)):
        return None
    if not part:
        n = header.channels
        what = f"it holds {n} volumes, which may be time points or channels"
        raise Refused("SEVERAL_VOLUMES", path, what, f"name one, {path.name}::0 to {path.name}::{n - 1}, or all: {path.name}::channels")
    if not (part.isascii() and part.isdigit()) or int(part) >= header.channels:
        raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"it holds {header.channels} volumes, counted from 0", "name one of them")
    return int(part)


def _numbers(file: Path, begin: int, header: Header) -> Values:
    """Numbers written as text."""
    size = file.stat().st_size - begin
    if size > _MOST_TEXT:
        raise UnreadableInput("OVER_LIMIT", file, f"{size:,} bytes of text, over the limit of {_MOST_TEXT:,}", "save it as raw or gzip")
    with file.open("rb") as opened:
        opened.seek(begin)
        words = opened.read().split()
    if len(words) != header.nbytes // header.dtype.itemsize:
        what = f"it holds {len(words):,} numbers where {header.nbytes // header.dtype.itemsize:,} are announced"
        raise UnreadableInput("TRUNCATED", file, what, "copy it again from its source")
    return np.array([w.decode("ascii") for w in words]).astype(header.dtype)


_NRRD = Format(name="NRRD", suffixes=(".nrrd", ".nhdr"), matches=starts(b"NRRD000"))
nrrd = Reader(name="nrrd", formats=(_NRRD,), open=_open)
