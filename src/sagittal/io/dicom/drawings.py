"""Segmentations and structure sets among the files of a tree: what was drawn, and on which series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._tags import DRAWN_TAGS
from sagittal.io.dicom.header import scan
from sagittal.io.dicom.rtstruct import read_structures
from sagittal.io.dicom.seg import segments_of, series_of
from sagittal.io.guard import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A SEG or RTSTRUCT.

    Args:
        path: The file.
        names: Of its segments or structures.
        references: The UID of the series that it was drawn on; empty where it says none. Never shown.
    """

    path: Path
    names: tuple[str, ...]
    references: str = field(repr=False)


def find_drawings(files: Iterable[Path], *, limits: Limits | None = None) -> list[Drawing]:
    """The segmentations and structure sets among files, in their order; everything else is passed over.

    Args:
        files: Of any kind.
        limits: How large they may be.
    """
    limits = limits or Limits.default()
    found = []
    for path in files:
        try:
            drawing = _drawing(path, limits)
        except UnreadableInput:
            continue
        if drawing is not None:
            found.append(drawing)
    return found


def _drawing(path: Path, limits: Limits) -> Drawing | None:
    data = scan(path, limits=limits, tags=DRAWN_TAGS).data
    kind = data.text("Modality")
    if kind == "SEG":
        return Drawing(path=path, names=tuple(s.name for s in segments_of(data)), references=series_of(data))
    if kind == "RTSTRUCT":
        told = read_structures(path, limits=limits)
        return Drawing(path=path, names=tuple(s.drawn.name for s in told.structures), references=told.references)
    return None
