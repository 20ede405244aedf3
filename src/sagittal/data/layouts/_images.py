"""Which images a data set has: files told by their suffix, and DICOM slides, which only their content tells."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from sagittal.data.layouts._files import NO_DICOM, natural, suffix_of, visible
from sagittal.io.guard import Limits
from sagittal.io.readers._slide_dicom import of_slide, one_each


def images(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """All visible files below a folder that have one of these suffixes, and every DICOM slide once, in a stable order.

    A slide that has a folder for its levels is that folder; another one is the file of its finest level. Whether a folder
    holds slides is told by its first file that may be DICOM, so that trees of volumes are not read here.
    """
    wanted = tuple(suffixes)
    found: list[Path] = []
    others: dict[Path, list[Path]] = defaultdict(list)
    for path in visible(root):
        if path.name.casefold().endswith(wanted):
            found.append(path)
        elif suffix_of(path.name) not in NO_DICOM:
            others[path.parent].append(path)
    for folder, files in others.items():
        found += _slides(folder, sorted(files), alone=folder != root)
    return sorted(found, key=lambda p: natural(p.as_posix()))


def is_slide(path: Path) -> bool:
    """Whether a path that :func:`images` gave, or any file, is a DICOM slide."""
    return path.is_dir() or of_slide(path)


def _slides(folder: Path, files: list[Path], *, alone: bool) -> list[Path]:
    """The slides in a folder; the folder itself where its files are all of one slide."""
    if not of_slide(files[0]):
        return []
    finest = [p for p in one_each(files, Limits.default()) if of_slide(p)]
    return [folder] if alone and len(finest) == 1 < Counter(map(of_slide, files))[True] else finest
