"""Tables of words: cells as they are written, so that patient 007 does not become 7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sagittal.io.guard import Limits
from sagittal.io.readers._columns import holds_numbers
from sagittal.io.readers._delimited import rows_of


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
        UnreadableInput: The file cannot be read as text, is over a limit, or a row has too few or too many cells.
    """
    if file.suffix.casefold() == ".parquet":
        from sagittal.io import read_table

        frame = read_table(file)
        return Cells(file, {str(c): ["" if _is_missing(v) else _word(v) for v in frame[c]] for c in frame.columns})
    rows, comma = rows_of(file, Limits.default())
    if len(rows) < 2 or not any(rows[0]):
        return None
    names = _unique(rows[0])
    columns = {name: _pointed(cells) if comma else list(cells) for name, cells in zip(names, zip(*rows[1:], strict=True), strict=True)}
    return Cells(file, {name: values for name, values in columns.items() if not name.startswith("Unnamed") or any(values)})


def _pointed(cells: Sequence[str]) -> list[str]:
    """Numbers with a point, as the program writes them, where they had a comma."""
    return [c.replace(",", ".") for c in cells] if holds_numbers(cells, comma=True) else list(cells)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for index, name in enumerate(names):
        base = " ".join(name.split()) or f"Unnamed: {index}"
        seen[base] = seen.get(base, 0) + 1
        out.append(base if seen[base] == 1 else f"{base}.{seen[base] - 1}")
    return out


def _is_missing(value: object) -> bool:
    return value is None or value != value


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
