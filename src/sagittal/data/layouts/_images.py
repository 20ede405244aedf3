"""Which images a data set has: files told by their suffix, and DICOM slides, which only their content tells."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from sagittal import io
from sagittal.data.layouts._files import NO_DICOM, SLIDES, natural, stem_of, suffix_of, visible
from sagittal.data.layouts._pairing import place
from sagittal.data.manifest import relative
from sagittal.errors import SagittalError
from sagittal.io.guard import Limits
from sagittal.io.readers._slide_dicom import of_slide, one_each

_TIFF = (".tif", ".tiff")
_PLAIN = (".png", ".jpg", ".jpeg", ".jpe", ".bmp")
_OF_A_SLIDE = {"thumb", "thumbs", "thumbnail", "thumbnails", "macro", "overview", "preview"}
_MOST_OPENED = 64


def images(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """All visible files below a folder that have one of these suffixes, and every DICOM slide once, in a stable order.

    A slide that has a folder for its levels is that folder; another one is the file of its finest level. Whether a folder
    holds slides is told by its first file that may be DICOM, so that trees of volumes are not read here. Plain pictures that are
    called as a slide are thumbnails of it and no images of their own.
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
    return sorted(without_thumbnails(found, root), key=lambda p: natural(p.as_posix()))


def is_slide(path: Path) -> bool:
    """Whether a path that :func:`images` gave, or any file, is a slide; a broken TIFF is none."""
    suffix = suffix_of(path.name)
    if suffix in _TIFF:
        try:
            return io.read(path).tiled
        except SagittalError:
            return False
    return suffix in SLIDES or path.is_dir() or (suffix not in NO_DICOM and of_slide(path))


def noun_of(found: Sequence[Path], otherwise: str) -> str:
    """What a case is called: ``slide`` where the first and the last one are, else as the caller calls it."""
    return "slide" if found and all(map(is_slide, (found[0], found[-1]))) else otherwise


def without_thumbnails(found: list[Path], root: Path) -> list[Path]:
    """What was found without plain pictures of slides; what is named as a mask, or lies in a folder of masks, stays.

    Whether a TIFF is a slide is only looked at where a picture is called as it; of many, some tell whether any is.
    """
    if not any(suffix_of(p.name) not in _PLAIN for p in found):
        return found
    plain: dict[str, list[Path]] = defaultdict(list)
    for path in found:
        if suffix_of(path.name) in _PLAIN and not place(relative(path, root)).is_mask:
            plain[_called(path)].append(path)
    twins = [p for p in found if suffix_of(p.name) not in _PLAIN and _called(p) in plain]
    if not any(map(is_slide, twins[:: max(1, len(twins) // _MOST_OPENED)])):
        return found
    left = {picture for path in twins if is_slide(path) for picture in plain[_called(path)]}
    return [p for p in found if p not in left]


def _called(path: Path) -> str:
    """The name without what says that it is a picture of a slide: ``S-17_thumb`` and ``S-17`` are one."""
    words = re.split(r"[\s_\-.]+", (path.name if path.is_dir() else stem_of(path.name)).casefold())
    return "_".join([w for w in words if w not in _OF_A_SLIDE] or words)


def _slides(folder: Path, files: list[Path], *, alone: bool) -> list[Path]:
    """The slides in a folder; the folder itself where its files are all of one slide."""
    if not of_slide(files[0]):
        return []
    finest = [p for p in one_each(files, Limits.default()) if of_slide(p)]
    return [folder] if alone and len(finest) == 1 < Counter(map(of_slide, files))[True] else finest
