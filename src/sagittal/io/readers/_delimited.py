"""Rows of cells from delimited text, in whatever dialect a program exported it."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from pathlib import Path

from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits
from sagittal.io.readers._columns import decimal_comma

TEXT_SHARE = 16
"""A cell costs far more in memory than in the file: so much smaller must a file of text be."""

LOOK = 200
"""Rows that tell the dialect."""

_DELIMITERS = (",", "\t", ";", "|")
_MOST_IN_A_CELL = 1 << 24
_SAID = re.compile(r"(?i)sep=(.)[ ;,\t]*(\r\n|\r|\n)")
"""The first line by which Excel tells itself the delimiter."""


def rows_of(path: Path, limits: Limits) -> tuple[list[list[str]], bool]:
    """The rows, all as wide as the first one, and whether a comma stands before decimals; no row where nothing but blanks is there.

    Encoding (UTF-8, UTF-16 with its mark, else Windows-1252), line ends and delimiter are told from the content. Rows without any
    cell, lines of remarks that begin with ``#`` and Excel's ``sep=;`` are left out; so are empty cells beyond the last name.

    Raises:
        UnreadableInput: Not text, over a limit, a row with too few or too many cells, a quote that is never closed.
    """
    try:
        limits.but(bytes=limits.bytes // TEXT_SHARE).check_file(path, path.stat().st_size)
        text = _decoded(path.read_bytes(), path)
    except OSError as error:
        raise UnreadableInput("TABLE", path, f"it cannot be read: {error.strerror}", "check the path and its permissions") from error
    said = _SAID.match(text)
    text = "\n" + text[said.end() :] if said else text
    csv.field_size_limit(_MOST_IN_A_CELL)
    try:
        delimiter = said[1] if said else _delimiter(text, tabs=path.suffix.casefold() in {".tsv", ".tab"})
        rows = _even(_read(text, delimiter), path)
    except csv.Error as error:
        raise UnreadableInput("TABLE", path, f"it is no table of cells: {error}", "look for a quote that is never closed") from error
    return rows, delimiter != "," and decimal_comma(rows[1:] or rows, thousands=delimiter != ";")


def _decoded(data: bytes, path: Path) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data:
        raise UnreadableInput("NOT_TEXT", path, "it holds zero bytes, which no text has", "save it as CSV in UTF-8, or copy it again")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _delimiter(text: str, *, tabs: bool) -> str:
    """The delimiter that cuts the first lines into most cells, the same number in each; of two alike the tab where the name says so."""
    lines = [line for line in itertools.islice(io.StringIO(text, newline=""), LOOK) if line.strip() and not line.startswith("#")]

    def merit(delimiter: str) -> tuple[float, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        if not counts:
            return (0.0, 0)
        width, times = counts.most_common(1)[0]
        return (times / sum(counts.values()) if width > 1 else 0.0, width)

    return max(sorted(_DELIMITERS, key=lambda d: d != "\t") if tabs else _DELIMITERS, key=merit)


def _read(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The rows that have a cell, each with its line; remarks above them are none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(cell.strip() for cell in row)]
    below = next((i for i, (_, row) in enumerate(rows) if not row[0].startswith("#")), 0)
    # ``#id;age`` names columns; a remark is as wide as the rows below it only by chance
    named = below and len(rows[below - 1][1]) == len(rows[below][1]) > 1
    return rows[below - 1 if named else below :]


def _even(rows: list[tuple[int, list[str]]], path: Path) -> list[list[str]]:
    """The rows as wide as the first one is filled; only cells that are empty in every row are left out.

    Raises:
        UnreadableInput: A row lacks cells, or has filled ones beyond the first row's.
    """
    if not rows:
        return []
    first = rows[0][1]
    filled = max(i for i, cell in enumerate(first) if cell) + 1
    if all(not any(row[filled:]) for _, row in rows) and all(len(row) >= filled for _, row in rows):
        return [row[:filled] for _, row in rows]
    for line, row in rows:
        if len(row) < len(first) or any(row[len(first) :]):
            what = f"line {line} has {len(row)} cells, the first one {len(first)}"
            raise UnreadableInput(
                "RAGGED", path, what, "complete the line, or quote a cell that holds the delimiter; if cut off, copy it again"
            )
    return [row[: len(first)] for _, row in rows]
