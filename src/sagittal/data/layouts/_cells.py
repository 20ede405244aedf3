"""Tables of words: cells as they are written, so that patient 007 does not become 7."""

from __future__ import annotations

import csv
import io as text_io
from dataclasses import dataclass
from pathlib import Path

from sagittal.errors import LimitExceeded, UnreadableInput

_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Cells:
    """Columns of text, all of the same length."""

    file: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def filled(self, column: str) -> list[str]:
        """The cells of a column that are not empty."""
        return [v for v in self.columns[column] if v]


def cells_of(file: Path) -> Cells | None:
    """The cells of a CSV, TSV or parquet file that has a header row; None when there are not two rows or it is empty.

    Raises:
        UnreadableInput: The file cannot be read as text.
        LimitExceeded: It is larger than 1 GiB.
    """
    if file.suffix.casefold() == ".parquet":
        from sagittal.io import read_table

        frame = read_table(file)
        return Cells(file, {str(c): ["" if _is_missing(v) else _word(v) for v in frame[c]] for c in frame.columns})
    try:
        rows = [row for row in csv.reader(text_io.StringIO(_decoded(file)), delimiter=_delimiter(file)) if any(c.strip() for c in row)]
    except csv.Error as error:
        raise UnreadableInput("TABLE", file, f"it is no table of cells: {error}", "look for a quote that is never closed") from error
    if len(rows) < 2 or not any(c.strip() for c in rows[0]):
        return None
    names = _unique([c.strip() for c in rows[0]])
    columns = {name: [row[i].strip() if i < len(row) else "" for row in rows[1:]] for i, name in enumerate(names)}
    return Cells(file, {name: values for name, values in columns.items() if not name.startswith("Unnamed") or any(values)})


def _decoded(file: Path) -> str:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise LimitExceeded("TABLE_SIZE", file, "the table is larger than 1 GiB", "split it, or name fewer columns")
        raw = file.read_bytes()
    except OSError as error:
        raise UnreadableInput("TABLE", file, f"it cannot be read: {error.strerror}", "check the path and its permissions") from error
    if b"\0" in raw[:4096] and raw[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        raise UnreadableInput("TABLE", file, "it is no text", "save it as CSV in UTF-8")
    csv.field_size_limit(1 << 24)
    encodings = ("utf-16",) if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableInput("TABLE", file, "its text is in no known encoding", "save it as UTF-8")


def _delimiter(file: Path) -> str:
    """What parts the cells: the sign that the first lines have most evenly."""
    lines = [line for line in _decoded(file).splitlines()[:20] if line.strip()]
    best = ("," if file.suffix.casefold() != ".tsv" else "\t", 0)
    for sign in (",", "\t", ";", "|"):
        counts = [len(next(csv.reader([line], delimiter=sign))) - 1 for line in lines]
        same = counts.count(counts[0]) if counts else 0
        if counts and counts[0] > 0 and same >= 0.8 * len(counts) and same * counts[0] > best[1]:
            best = (sign, same * counts[0])
    return best[0]


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for index, name in enumerate(names):
        base = name or f"Unnamed: {index}"
        seen[base] = seen.get(base, 0) + 1
        out.append(base if seen[base] == 1 else f"{base}.{seen[base] - 1}")
    return out


def _is_missing(value: object) -> bool:
    return value is None or value != value


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
