"""DICOM segmentations and structure sets as annotations, their names matched to the classes that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image, LabelMap, Labels
from sagittal.core.annotation import IGNORE
from sagittal.errors import Refused, UnreadableInput, nearest
from sagittal.io.dicom._seg_grid import laid
from sagittal.io.dicom._tags import DRAWN_TAGS
from sagittal.io.dicom.header import looks_like_dicom, read_header
from sagittal.io.dicom.rtstruct import on_grid, read_structures
from sagittal.io.dicom.seg import Drawn, read_segmentation
from sagittal.io.guard import Limits

_MODALITIES = ("SEG", "RTSTRUCT")


def drawn(path: Path, labels: Labels, like: Geometry | None, limits: Limits) -> LabelMap:
    """The label map that a SEG or RTSTRUCT draws, in the numbers of ``labels``, on the voxels of ``like`` where it lies on them.

    A segment is a class when it has its name (in any case), or, where no name of a SEG fits, the number that
    ``labels.codes`` gives the class. Segments of other names are left out and listed in ``image.meta["left_out"]``;
    ``image.meta["references"]`` is the UID of the series that was drawn on, ``image.meta["overlap"]`` the number of
    voxels that several segments claim (the later one has them). What nobody drew is background; without a background
    class it is not known.

    Args:
        path: The file.
        labels: The classes.
        like: The grid of the image that was drawn on; outlines need it.
        limits: How large it may be.

    Raises:
        UnreadableInput: Neither a SEG nor an RTSTRUCT, broken, over a limit.
        Refused: None of its segments is one of the classes; outlines without a grid, or beside it.
    """
    kind = modality(path, limits)
    if kind == "SEG":
        image, codes = _segmented(path, labels, like, limits)
    elif kind == "RTSTRUCT":
        image, codes = _outlined(path, labels, like, limits)
    else:
        raise UnreadableInput("NOT_AN_ANNOTATION", path, f"a DICOM object of modality {kind or 'unknown'}", "name a SEG or RTSTRUCT file")
    values, grid = _renumbered(image.read()[0], codes, labels), image.geometry
    outside = labels.index(labels.background) if labels.background is not None else IGNORE
    whole = None if like is None else laid(values, grid, like, ground=_ground(labels))
    if like is not None and whole is not None:
        values, grid = whole, like
    return LabelMap(image=Image.of(values[None], grid, meta=image.meta), labels=labels, outside=outside)


def only_drawn(path: Path, limits: Limits) -> Path | None:
    """The SEG or RTSTRUCT that a path means: the file itself, or the only DICOM file in a folder; None otherwise.

    Raises:
        UnreadableInput: A file that cannot be read.
    """
    files = [p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")] if path.is_dir() else [path]
    if len(files) != 1 or not _is_dicom(files[0]):
        return None
    return files[0] if modality(files[0], limits) in _MODALITIES else None


def modality(path: Path, limits: Limits) -> str:
    """What a DICOM file is: ``SEG``, ``RTSTRUCT``, ``CT`` ..."""
    return read_header(path, limits=limits, tags=DRAWN_TAGS).data.text("Modality")


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return looks_like_dicom(file.read(1024))


def _segmented(path: Path, labels: Labels, like: Geometry | None, limits: Limits) -> tuple[Image, dict[int, str]]:
    """Segment numbers, and the class of each that is one."""
    made = read_segmentation(path, limits=limits, like=like)
    parts = [s for s in made.segments if s.number > 0]
    classes = _wanted(parts, labels, labels.codes, path)
    meta = {**made.image.meta, "references": made.references, "left_out": _others(parts, classes)}
    image = Image.of(made.image.read(), made.image.geometry, meta=meta)
    return image, {s.number: name for s, name in classes.items()}


def _outlined(path: Path, labels: Labels, like: Geometry | None, limits: Limits) -> tuple[Image, dict[int, str]]:
    """Structures by their place among those that are classes; the others are not drawn at all."""
    if like is None:
        raise Refused("NEEDS_GRID", path, "outlines have no grid of their own", "name the image that they were drawn on")
    found = read_structures(path, limits=limits)
    parts = [s.drawn for s in found.structures]
    classes = _wanted(parts, labels, {}, path)
    kept = [s for s in found.structures if s.drawn in classes]
    numbers, overlap = on_grid(kept, like, path)
    meta = {
        "format": "DICOM RTSTRUCT",
        "overlap": overlap,
        "ignored": sum(s.ignored for s in kept),
        "references": found.references,
        "left_out": _others(parts, classes),
    }
    return Image.of(numbers[None], like, meta=meta), {n: classes[s.drawn] for n, s in enumerate(kept, 1)}


def _others(parts: Sequence[Drawn], classes: Mapping[Drawn, str]) -> tuple[str, ...]:
    return tuple(p.name for p in parts if p not in classes)


def _wanted(parts: Sequence[Drawn], labels: Labels, codes: Mapping[str, int], path: Path) -> dict[Drawn, str]:
    """The class of each segment that is one.

    Raises:
        Refused: None is.
    """
    named = {_plain(c): c for c in labels.classes if c != labels.background}
    by_name = {p: named[_plain(p.name)] for p in parts if _plain(p.name) in named}
    if by_name:
        return by_name
    # segments are mostly just counted: their numbers mean something only to somebody who has said what
    numbered = {codes[c]: c for c in labels.classes if c in codes and c != labels.background}
    by_number = {p: numbered[p.number] for p in parts if p.number in numbered}
    if by_number:
        return by_number
    told = ", ".join(p.name or str(p.number) for p in parts[:8]) or "nothing"
    what = f"it draws {told}, which is none of {', '.join(labels.classes[:8])}"
    raise Refused("UNKNOWN_CLASS", path, what, nearest(parts[0].name, labels.classes) if parts else "name another file")


def _renumbered(numbers: NDArray[Any], classes: Mapping[int, str], labels: Labels) -> NDArray[np.int32]:
    """Segment numbers to the codes of their classes, everything else to that of the background."""
    table = np.full(int(numbers.max(initial=0)) + 1, _ground(labels), dtype=np.int32)
    for number, name in classes.items():
        if number < len(table):
            table[number] = labels.code(name)
    found: NDArray[np.int32] = table[numbers]
    return found


def _ground(labels: Labels) -> int:
    """The number of what nobody drew."""
    return labels.code(labels.background) if labels.background is not None else IGNORE


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())
