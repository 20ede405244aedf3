"""Slides in DICOM: a series of files, one a level, with the label and an overview among them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from sagittal.errors import Refused, UnreadableInput
from sagittal.io.dicom._tags import SLIDE_CLASS
from sagittal.io.guard import Limits

# The name of another class may begin alike; an odd number of letters is padded
_CLASS = re.compile(re.escape(SLIDE_CLASS).encode("ascii") + rb"(?![.0-9])")

_HEAD = 4096


def is_slide(head: bytes) -> bool:
    """Whether a DICOM file begins as one of a slide."""
    return head[128:132] == b"DICM" and _CLASS.search(head) is not None


def of_slide(file: Path) -> bool:
    """Whether a file is one of a DICOM slide."""
    return is_slide(_head(file))


def slides_in(folder: Path, limits: Limits) -> list[Path]:
    """The files of finest levels in a folder, one a slide; none where its first DICOM file is of something else."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    for file in files:
        head = _head(file)
        if head[128:132] == b"DICM":
            return one_each(files, limits) if is_slide(head) else []
    return []


def the_slide_in(folder: Path, limits: Limits) -> Path | None:
    """The file of the finest level of the only slide in a folder; None where there is none.

    Raises:
        Refused: There are several.
    """
    found = slides_in(folder, limits)
    if len(found) > 1:
        remedy = "name a file of the one that is meant, or give each a folder of its own"
        raise Refused("SERIES_AMBIGUOUS", folder, f"there are {len(found)} slides in it", remedy)
    return found[0] if found else None


def one_each(files: Iterable[Path], limits: Limits) -> list[Path]:
    """The files without all but the finest level of each DICOM slide; other files stay as they are."""
    kept: list[Path] = []
    finest: dict[tuple[Path, str], tuple[float, int]] = {}
    for file in files:
        told = _told(file, limits)
        if told is None:
            kept.append(file)
            continue
        series, columns = told
        best = finest.get((file.parent, series))
        if best is None:
            finest[file.parent, series] = columns, len(kept)
            kept.append(file)
        elif columns > best[0]:
            finest[file.parent, series] = columns, best[1]
            kept[best[1]] = file
    return kept


def _told(file: Path, limits: Limits) -> tuple[str, float] | None:
    """The series of a file of a DICOM slide, and how wide its level is (0: it is none); None of another file."""
    if not is_slide(_head(file)):
        return None
    from sagittal.io.dicom.header import scan  # compiles its walker: whoever reads pictures alone does not wait for it

    try:
        data = scan(file, limits=limits.but(bytes=sys.maxsize)).data
    except UnreadableInput:
        return None
    level = "VOLUME" in data.words("ImageType")
    return data.text("SeriesInstanceUID"), data.number("TotalPixelMatrixColumns") or 1.0 if level else 0.0


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return b""
