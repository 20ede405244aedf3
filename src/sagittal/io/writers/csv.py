"""Tables to comma separated text that a spreadsheet opens safely, and back.

All tables that we write come through here. A text cell that a spreadsheet would run as a formula gets an apostrophe before it, as
OWASP advises (CSV injection, CWE-1236): names of cases, files and classes are those of whoever made the data. Whoever reads
such a table for a program takes it away again, as :func:`read_rows` does. One table is exact: ``manifest.csv``, which
other programs read for the names of the files in it.
"""

from __future__ import annotations

import csv as text
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sagittal.core import Image
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io._reader import Writer

RISKY = re.compile(
    "'*[=+\\-@\t\r\n\0\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}]"
)
"""What a formula begins with, also behind apostrophes: those of the user are told from ours by there being one more."""


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Rows as UTF-8 text with a header; see :func:`as_text`. A column that a row lacks is an empty cell.

    Raises:
        ValueError: A row has a column that is not listed.
        StorageFailure: Disk full, read-only, not permitted.
    """
    atomic.write_text(path, as_text(_in_order(columns, rows)))


def as_text(rows: Iterable[Iterable[object]], *, exact: bool = False) -> str:
    """Rows as comma separated text; None is an empty cell; numbers keep all their digits.

    Args:
        rows: The header and the rows.
        exact: Cells are written as they are. For tables whose names other programs look for, and for nothing else.

    >>> print(as_text([["case", "answer"], ["a,b", -0.5], ["=1+1", None], ["-2", "-x"]]), end="")
    case,answer
    "a,b",-0.5
    '=1+1,
    -2,'-x
    """
    lines = _Lines()
    # the module only quotes line ends of the kind that it writes: a lone carriage return would begin a row
    text.writer(lines, lineterminator="\r\n").writerows(rows if exact else ([_guarded(cell) for cell in row] for row in rows))
    return "".join(lines.found)


def read_rows(path: Path, *, exact: bool = False) -> list[dict[str, str]]:
    """The rows of a table that :func:`as_text` made, with the names of its columns; texts are again what they were.

    Args:
        path: Of the file.
        exact: It was made so.

    Raises:
        ValueError: It is not text, or a row has too few or too many cells.
        OSError: It cannot be read.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = (row if exact else [_as_meant(cell) for cell in row] for row in text.reader(file, strict=True) if row)
        try:
            names = next(rows, [])
            return [dict(zip(names, row, strict=True)) for row in rows]
        except text.Error as error:
            raise ValueError(str(error)) from error


class _Lines:
    """Takes rows with two line ends and keeps them with one."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def write(self, row: str) -> None:
        self.found.append(row.removesuffix("\r\n") + "\n")


def _in_order(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[Sequence[object]]:
    known = set(columns)
    yield columns
    for row in rows:
        strange = [name for name in row if name not in known]
        if strange:
            message = f"a row has {strange[0]!r}, which is not among the columns"
            raise ValueError(message)
        yield [row.get(name) for name in columns]


def _guarded(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if RISKY.match(value) and not _is_number(value) else value
    return value.item() if isinstance(value, np.generic) else value


def _as_meant(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and RISKY.match(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _write(image: Image, path: Path) -> None:
    """One table row: the channels as columns.

    Raises:
        UsageError: An image with axes.
    """
    if image.geometry.axes != 0:
        raise UsageError("NOT_A_ROW", path, f"an image of {image.geometry.axes} axes", "write a picture as .png, a volume as .nii.gz")
    write_rows(path, image.channels, [dict(zip(image.channels, image.read().tolist(), strict=True))])


csv = Writer(name="csv", suffixes=(".csv",), write=_write)
