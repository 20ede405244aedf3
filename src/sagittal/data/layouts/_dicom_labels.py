"""A table beside a tree of DICOM that gives series, files, folders or patients a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagittal.data.layouts._cells import cells_of
from sagittal.data.layouts._columns import group_column, label_columns, plain
from sagittal.data.manifest import relative
from sagittal.errors import SagittalError, UsageError, nearest
from sagittal.io.dicom.series import patient_key
from sagittal.io.dicom.volume import Volume

_COLUMNS = {
    "series": ("series", "seriesinstanceuid", "seriesuid", "seriesid", "seriesnumber", "seriesdescription"),
    "file": ("file", "filename", "path", "filepath"),
    "folder": ("folder", "directory", "dir"),
}
_PATIENT = "patient"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the table says.

    Args:
        file: Its name.
        column: Of the labels.
        by: What the rows speak of: series, file, folder or patient.
        words: The label of each case that it speaks of.
    """

    file: str
    column: str
    by: str
    words: Mapping[str, str]


def labels_beside(root: Path, cases: Sequence[tuple[str, Sequence[Volume]]], *, label: str | None = None) -> Told | None:
    """The labels of the first table in the folder that fits.

    A series is named by its key, number, description or Series Instance UID; a file or folder by its path, or the end of it; a
    patient by the id in the headers. What fits several cases with different labels says nothing.

    Args:
        root: The folder of the tree.
        cases: Ids with their volumes.
        label: The column of the labels; otherwise told by its name.

    Raises:
        UsageError: No table has this column.
    """
    seen: list[str] = []
    for path in sorted(p for p in root.iterdir() if p.suffix.lower() in {".csv", ".tsv"} and not p.name.startswith(".")):
        try:
            table = cells_of(path)
        except SagittalError:
            continue
        if table is None:
            continue
        seen += table.columns
        for by, column in _keys(table.columns):
            column_of_labels = _label_column([c for c in table.columns if c != column], label)
            if not column_of_labels:
                continue
            pairs = zip(table.columns[column], table.columns[column_of_labels], strict=True)
            said = {patient_key(key) if by == _PATIENT else _plain(key): word for key, word in pairs if word}
            words = {name: word for name, volumes in cases for word in [_word(_names(volumes, by, root), said)] if word}
            if words:
                return Told(file=path.name, column=column_of_labels, by=by, words=words)
    if label is not None and label not in seen:
        raise UsageError("UNKNOWN_COLUMN", f"data.label={label}", "no table in the folder has this column", nearest(label, seen))
    return None


def _keys(columns: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The columns that name something of the tree, what they name first, the most exact first."""
    found = [(by, c) for by, names in _COLUMNS.items() for c in columns if plain(c) in names]
    person = group_column(columns)
    return [*found, *([(_PATIENT, person)] if person else [])]


def _label_column(names: Sequence[str], label: str | None) -> str:
    if label is not None:
        return label if label in names else ""
    return next(iter(label_columns(names)), "")


def _word(names: Sequence[str], said: Mapping[str, str]) -> str:
    """The label of the first name that has one."""
    return next((said[name] for name in names if name in said), "")


def _names(volumes: Sequence[Volume], by: str, root: Path) -> list[str]:
    """Every name by which a table may mean these volumes, the longest first."""
    if by == _PATIENT:
        return [v.patient for v in volumes if v.patient]
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
