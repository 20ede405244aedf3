"""A table beside a tree of DICOM that gives series, files or folders a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagittal import io
from sagittal.data.manifest import relative
from sagittal.errors import SagittalError
from sagittal.io.dicom.volume import Volume

_COLUMNS = ("series", "file", "folder")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the table says.

    Args:
        file: Its name.
        words: The label of each case that it speaks of.
    """

    file: str
    words: Mapping[str, str]


def labels_beside(root: Path, cases: Sequence[tuple[str, Sequence[Volume]]]) -> Told | None:
    """The labels of the first table in the folder that fits.

    ``series`` is a key, a series number, a description or a Series Instance UID; ``file`` and ``folder`` are paths, or
    their ends. What fits several cases with different labels says nothing.

    Args:
        root: The folder of the tree.
        cases: Ids with their volumes.
    """
    for path in sorted(p for p in root.iterdir() if p.suffix.lower() in {".csv", ".tsv"} and not p.name.startswith(".")):
        try:
            table = io.read_table(path)
        except SagittalError:
            continue
        columns = {str(c).strip().casefold(): c for c in table.columns}
        by = next((name for name in _COLUMNS if name in columns), None)
        if by is None or "label" not in columns:
            continue
        said = {_plain(str(k)): str(v).strip() for k, v in zip(table[columns[by]], table[columns["label"]], strict=True) if str(v).strip()}
        words = {name: word for name, volumes in cases for word in [_word(_names(volumes, by, root), said)] if word}
        if words:
            return Told(file=path.name, words=words)
    return None


def _word(names: Sequence[str], said: Mapping[str, str]) -> str:
    """The label of the first name that has one."""
    return next((said[name] for name in names if name in said), "")


def _names(volumes: Sequence[Volume], by: str, root: Path) -> list[str]:
    """Every name by which a table may mean these volumes, the longest first."""
    if by == "series":
        return [_plain(name) for v in volumes for name in (v.key, v.series_uid, v.series, str(v.number), v.description) if name]
    # A case is a folder of files: what a table calls its file may be either.
    files = [p for v in volumes for p in v.files]
    paths = [relative(p, root) for p in ([*files, *(p.parent for p in files)] if by == "file" else [p.parent for p in files])]
    names = []
    for path in dict.fromkeys(paths):
        parts = path.split("/")
        tails = ["/".join(parts[n:]) for n in range(len(parts))]
        # a folder above the series' own means it too
        above = ["/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)] if by == "folder" else []
        names += [_plain(name) for name in (*tails, *above)]
    return names


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./").strip("/").casefold()
