"""Which files and folders a data set has; hidden ones do not count."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SLIDES = (".svs", ".ndpi", ".scn", ".bif", ".mrxs", ".vms", ".vmu")
"""Scanners' own formats; slides in TIFF and DICOM are told by their content."""

PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", *SLIDES)
VOLUMES = (".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd")
TABLES = (".csv", ".tsv", ".parquet")
SHEETS = (".xlsx", ".xls", ".ods")
"""Tables of office programs, which are not read."""

_NOTES = (".txt", ".json", ".geojson", ".md", ".html", ".npz", ".npy", ".svg", ".xml", ".pdf", ".h5", ".py")
NO_DICOM = (*PICTURES, *VOLUMES, *TABLES, *_NOTES)
"""What need not be opened to see whether it is DICOM."""

_JUNK = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "icon\r"}

_SPLIT_WORDS = {
    "train": {"train", "training", "trn", "tr", "trainset", "trainingset", "traindata"},
    "val": {"val", "valid", "validation", "validate", "validating", "dev", "devel", "development", "valset", "validationset", "tuning"},
    "test": {"test", "testing", "tst", "ts", "testset", "testingset", "holdout", "heldout", "testdata"},
}
_FILLERS = {
    "set",
    "data",
    "dataset",
    "images",
    "image",
    "imgs",
    "img",
    "folder",
    "split",
    "pictures",
    "pics",
    "cases",
    "files",
    "seg",
    "the",
}
_FILLERS |= {
    "official",
    "final",
    "original",
    "held",
    "out",
    "list",
    "names",
    "ids",
    "labels",
    "and",
    "a",
    "b",
    "part",
    "subset",
    "new",
    "my",
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not meant to be seen: ``.DS_Store``, ``._a.png``, ``Thumbs.db``."""
    return name.startswith(".") or name.casefold() in _JUNK


def suffix_of(name: str) -> str:
    """The suffix in lower case; ``.nii.gz`` counts as one.

    >>> suffix_of("Brain.NII.GZ"), suffix_of("x.PNG"), suffix_of("2020.03.04-p1")
    ('.nii.gz', '.png', '.04-p1')
    """
    low = name.casefold()
    return ".nii.gz" if low.endswith(".nii.gz") else os.path.splitext(low)[1]  # noqa: PTH122 - a name, not a path


def stem_of(name: str) -> str:
    """The name without the suffix that :func:`suffix_of` tells."""
    end = suffix_of(name)
    return name[: len(name) - len(end)] if end else name


def walk(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """All visible files below a folder that have one of these suffixes, in a stable order.

    Links to folders are followed once; a ring of links ends.
    """
    wanted = tuple(suffixes)
    return sorted((p for p in visible(root) if p.name.casefold().endswith(wanted)), key=lambda p: natural(p.as_posix()))


def visible(root: Path) -> Iterator[Path]:
    """All visible files below a folder, as :func:`walk` finds them, in the order of the folders."""
    return _walk(root, set())


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return
    info = folder.stat()
    if info.st_ino and (info.st_dev, info.st_ino) in seen:
        return
    seen.add((info.st_dev, info.st_ino))
    for entry in entries:
        if is_hidden(entry.name):
            continue
        try:
            folder_like = entry.is_dir()
        except OSError:
            continue
        if folder_like:
            yield from _walk(Path(entry.path), seen)
        else:
            yield Path(entry.path)


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts ``a2`` before ``a10``.

    >>> sorted(["a10", "a2"], key=natural)
    ['a2', 'a10']
    """
    parts = re.split(r"(\d+)", name)
    return tuple((1, int(p), p) if p.isdecimal() and p.isascii() else (0, 0, p) for p in parts if p)


def split_of(name: str) -> str:
    """The split that a folder, file or cell is named after; empty when it is none.

    >>> [split_of(n) for n in ("Training", "valid", "testing_set", "seg_train", "CNV", "test 2", "train images")]
    ['train', 'val', 'test', 'train', '', 'test', 'train']
    >>> split_of("contest"), split_of("train_test")
    ('', '')
    """
    hits, strange = _split_words(name)
    return hits.pop() if len(hits) == 1 and not strange else ""


def split_among(name: str) -> str:
    """The only split that a name speaks of, among whatever other words; empty when there is none, or several.

    >>> split_among("a. Disease Grading_Training Labels"), split_among("train_test")
    ('train', '')
    """
    hits, _ = _split_words(name)
    return hits.pop() if len(hits) == 1 else ""


def _split_words(name: str) -> tuple[set[str], list[str]]:
    """The splits that words of a name stand for, and words that say something else."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    words = [w for w in re.split(r"[^a-z]+", spaced.casefold()) if w]
    hits = {split for split, names in _SPLIT_WORDS.items() for w in words if w in names}
    return hits, [w for w in words if w not in _FILLERS and not any(w in names for names in _SPLIT_WORDS.values())]


def split_at_start(name: str) -> tuple[str, str]:
    """The split that a name begins with, and what remains of it: for ``trainCT_COVID`` and ``testA_36``.

    >>> split_at_start("trainCT_COVID"), split_at_start("valid-3"), split_at_start("trainer"), split_at_start("testA_36")
    (('train', 'CT_COVID'), ('val', '3'), ('', 'trainer'), ('test', '36'))
    """
    match = re.match(r"(?i:(training|train|validation|valid|val|dev|testing|test))(?=[^a-z]|$)(?:[A-B](?=[_\W]))?[_\W]*", name)
    if match is None:
        return "", name
    return split_of(match[1]), name[match.end() :]


def ids_of(paths: Iterable[str]) -> list[str]:
    """A case id for each relative path: without its suffix, unless two would then be called the same.

    >>> ids_of(["a/x.png", "a/y.png", "a/y.jpg"])
    ['a/x', 'a/y.png', 'a/y.jpg']
    """
    whole = list(paths)
    bare = [stem_of(p) for p in whole]
    count: dict[str, int] = {}
    for name in bare:
        count[name] = count.get(name, 0) + 1
    return [name if count[name] == 1 else path for name, path in zip(bare, whole, strict=True)]
