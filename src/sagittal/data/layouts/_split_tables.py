"""Tables that are parts of one: called after splits, each of the files of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sagittal.data.layouts._cells import Cells
from sagittal.data.layouts._files import split_among, stem_of
from sagittal.data.layouts._index import FileIndex

_LEAST_FOUND = 0.5
SPLIT = "split"
"""The column that such a table gets."""


def joined(tables: Sequence[Cells], files: Sequence[Path], root: Path) -> list[Cells]:
    """The tables; those with the same columns that are named after splits as one, with a column ``split``.

    Cells that name a file of which each split has one of that name mean that of their own: its whole path stands there then.

    Args:
        tables: All.
        files: The images below the root.
        root: Of the data set.
    """
    alike: dict[tuple[str, ...], list[Cells]] = {}
    for table in tables:
        alike.setdefault(tuple(table.columns), []).append(table)
    out: list[Cells] = []
    indices: dict[str, FileIndex] = {}
    for columns, members in alike.items():
        splits = [split_among(stem_of(m.file.name)) for m in members]
        if len(members) > 1 and all(splits) and len(set(splits)) == len(splits) and SPLIT not in columns:
            indices = indices or _of_splits(files, root)
            whole = [_with_paths(m, indices.get(split)) for m, split in zip(members, splits, strict=True)]
            both = {c: [v for m in whole for v in m[c]] for c in columns}
            both[SPLIT] = [s for s, m in zip(splits, members, strict=True) for _ in range(len(m))]
            out.append(Cells(members[0].file, both))
        else:
            out.extend(members)
    return out


def _of_splits(files: Sequence[Path], root: Path) -> dict[str, FileIndex]:
    """The files below folders that are named after each split."""
    parts: dict[str, list[Path]] = {}
    for path in files:
        folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
        parts.setdefault(next(filter(None, map(split_among, folders)), ""), []).append(path)
    return {split: FileIndex(found, root) for split, found in parts.items() if split}


def _with_paths(table: Cells, mine: FileIndex | None) -> Mapping[str, list[str]]:
    """The columns; the one that names most files of this split as their paths."""
    if mine is None:
        return table.columns
    located = {name: mine.find_all(cells) for name, cells in table.columns.items()}
    best = max(located, key=lambda name: sum(map(bool, located[name])))
    if sum(map(bool, located[best])) < _LEAST_FOUND * len(table):
        return table.columns
    return {**table.columns, best: [found or cell for found, cell in zip(located[best], table.columns[best], strict=True)]}
