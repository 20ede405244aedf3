"""Text files that list the pictures of each split, with the class in a folder's name, the list's name or a column."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sagittal.core import Case
from sagittal.data.layouts._files import PICTURES, VOLUMES, ids_of, split_at_start, split_of, stem_of, walk
from sagittal.data.layouts._found import Found, found, labels_for, plural
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._images import images
from sagittal.data.layouts._index import FileIndex
from sagittal.data.manifest import Manifest, classes_of, relative
from sagittal.errors import UsageError

_LISTS = (".txt", ".lst", ".list")
_LEAST_NAMED = 0.9
_MOST_BYTES = 1 << 27


def split_lists(root: Path, *, group: str | None = None, positive: str | None = None) -> Found | None:
    """Lists such as ``Data-split/COVID/trainCT_COVID.txt`` or ``train.txt``, a picture's name a line.

    The split is in the list's name or its folder's. The class is in a further column of the lines; else it is the folder
    of the list, where lists lie in several; else what the lists' names have beside the split; else the folder of
    the picture.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`.
        positive: The class that a sensitivity speaks of.

    Returns:
        None when no text file lists pictures, or when the lists tell no split.

    Raises:
        UsageError: A picture stands in the lists of two splits.
    """
    if not root.is_dir():
        return None
    candidates = [p for p in walk(root, _LISTS) if _split(p, root)]
    if not candidates:
        return None
    index = _Folders(images(root, (*PICTURES, *VOLUMES)), root)
    lists = [one for path in candidates if (one := _read(path, root, index)) is not None]
    if not lists:
        return None
    labels = _labels(lists, root)
    cases = _cases(lists, labels)
    classes = classes_of(c.label for c in cases)
    told = grouped(cases, group)
    said = "label" if len(classes) >= 2 else "nothing"
    manifest = Manifest(
        cases=told.cases,
        labels=labels_for(classes if said == "label" else (), positive=positive),
        root=root,
        provenance={"said": said, "group_rule": told.rule},
    )
    splits = ", ".join(f"{s} {len(manifest.split(s))}" for s in manifest.splits)
    worded = f"{plural(len(classes), 'class')} ({', '.join(classes[:8])})" if said == "label" else "no classes"
    sentence = f"{plural(len(lists), 'text list')} of splits: {splits}; {worded}, {told.clause}"
    lost = sum(one.lost for one in lists)
    if lost:
        sentence += f"; {plural(lost, 'listed file')} not there"
    return found("split_lists", manifest, sentence)


@dataclass(frozen=True, kw_only=True, slots=True)
class _List:
    path: Path
    split: str
    locators: list[str]
    columns: list[list[str]]
    lost: int


class _Folders:
    """Files by name within each folder: two classes may use the same names."""

    def __init__(self, files: Sequence[Path], root: Path) -> None:
        self.whole = FileIndex(files, root)
        by_folder: dict[Path, list[Path]] = {}
        for path in files:
            by_folder.setdefault(path.parent, []).append(path)
        self.parts = {relative(f, root): FileIndex(members, root) for f, members in by_folder.items()}

    def find_all(self, names: Sequence[str], hint: str) -> list[str]:
        """The locator of each name: unique anywhere, else in the folder that has most of them and is called most alike."""
        found = self.whole.find_all(names)
        if all(found):
            return found
        best = max(self.parts, key=lambda f: (sum(map(bool, self.parts[f].find_all(names))), _alike(f, hint)), default="")
        inside = self.parts[best].find_all(names) if best else found
        return [a or b for a, b in zip(inside, found, strict=True)]


def _alike(folder: str, hint: str) -> float:
    """How much of a list's name a folder's name has in common; ``CT_COVID`` is nearer to ``COVID`` than ``CT_NonCOVID``."""
    import difflib

    return difflib.SequenceMatcher(None, folder.casefold(), hint.casefold()).ratio()


def _split(path: Path, root: Path) -> str:
    stem = stem_of(path.name)
    folders = path.relative_to(root).parts[:-1]
    return split_of(stem) or split_at_start(stem)[0] or next(filter(None, map(split_of, reversed(folders))), "")


def _read(path: Path, root: Path, index: _Folders) -> _List | None:
    """A list, or None when its lines do not name pictures."""
    if path.stat().st_size > _MOST_BYTES:
        return None
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    hint = f"{path.parent.relative_to(root).as_posix()} {split_at_start(stem_of(path.name))[1]}"
    best: tuple[int, list[str], list[list[str]]] = (0, [], [])
    for rows in _parsed(lines):
        for column in range(min(len(r) for r in rows)):
            located = index.find_all([r[column] for r in rows], hint)
            hits = sum(map(bool, located))
            if hits > best[0]:
                others = [[r[i] for r in rows] for i in range(min(map(len, rows))) if i != column]
                best = (hits, located, others)
    hits, located, others = best
    if hits < _LEAST_NAMED * len(lines):
        return None
    kept = [i for i, name in enumerate(located) if name]
    columns = [[c[i] for i in kept] for c in others]
    return _List(path=path, split=_split(path, root), locators=[located[i] for i in kept], columns=columns, lost=len(lines) - hits)


def _parsed(lines: Sequence[str]) -> list[list[list[str]]]:
    """The lines as one name each, and as columns where all have the same number of them."""
    ways = [[[line] for line in lines]]
    for mark in (",", ";", "\t", " "):
        rows = [[c.strip() for c in next(csv.reader([line], delimiter=mark, skipinitialspace=True))] for line in lines]
        if len({len(r) for r in rows}) == 1 and len(rows[0]) > 1:
            ways.append(rows)
    return ways


def _labels(lists: Sequence[_List], root: Path) -> list[list[str]]:
    """The class of each listed picture, by the first way that tells several."""
    inside = min((len(one.columns) for one in lists), default=0)
    for column in range(inside):
        words = [one.columns[column] for one in lists]
        distinct = {w for part in words for w in part}
        if 2 <= len(distinct) <= 50 and len(distinct) < 0.5 * sum(map(len, words)):
            return words
    folders = [one.path.parent.relative_to(root).as_posix() if not split_of(one.path.parent.name) else "" for one in lists]
    rests = ["" if _says_nothing(rest := split_at_start(stem_of(one.path.name))[1]) else rest for one in lists]
    for names in (_shortened(folders), rests):
        if len(set(names)) >= 2 and all(names):
            return [[name] * len(one.locators) for name, one in zip(names, lists, strict=True)]
    return [[_folder(locator) for locator in one.locators] for one in lists]


def _says_nothing(rest: str) -> bool:
    """Whether what follows the split in a list's name is no class: ``train_val_list``, ``test_images``."""
    return bool(split_of(rest) or split_of(f"train {rest}"))


def _folder(locator: str) -> str:
    """The nearest folder of a picture that is not named after a split."""
    folders = [f for f in locator.split("/")[:-1] if not split_of(f)]
    return folders[-1] if folders else ""


def _shortened(folders: Sequence[str]) -> list[str]:
    """Folders by their last part, where that tells them apart."""
    last = [f.rpartition("/")[2] for f in folders]
    return last if len(set(last)) == len(set(folders)) else list(folders)


def _cases(lists: Sequence[_List], labels: Sequence[Sequence[str]]) -> list[Case]:
    rows = [
        (locator, one.split, word)
        for one, words in zip(lists, labels, strict=True)
        for locator, word in zip(one.locators, words, strict=True)
    ]
    split: dict[str, str] = {}
    for locator, where, _ in rows:
        if split.setdefault(locator, where) != where:
            what = f"it stands in the lists of {split[locator]} and {where}"
            raise UsageError("TWO_SPLITS", locator, what, "take it out of one of the lists")
    unique = {locator: (where, re.sub(";", ",", word)) for locator, where, word in rows}
    counts = Counter(word for _, word in unique.values())
    names = ids_of(unique)
    return [
        Case(id=name, split=where, images={"image": locator}, label=word if len(counts) > 1 else "")
        for name, (locator, (where, word)) in zip(names, unique.items(), strict=True)
    ]
