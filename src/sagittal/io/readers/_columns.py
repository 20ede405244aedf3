"""Columns of text cells: which are numbers, and which only look like it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NUMBER_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_MISSING = {"", "NA", "N/A", "n/a", "na", "nan", "NaN", "NAN", "null", "NULL", "?"}
_INTEGER = re.compile(r"[+-]?\d+")
_EXACT_DIGITS = 15


def is_number(cell: str, *, comma: bool = False) -> bool:
    """Whether a cell is a decimal number.

    >>> is_number("1.5e-3"), is_number("0x10"), is_number("1,5", comma=True)
    (True, False, True)
    """
    return (_NUMBER_COMMA if comma else _NUMBER).fullmatch(cell) is not None


def is_missing(cell: str) -> bool:
    """Whether a cell of a column of numbers says that there is none."""
    return cell in _MISSING


def holds_numbers(cells: Sequence[str], *, comma: bool = False) -> bool:
    """Whether there is a number, and nothing but numbers and missing cells."""
    present = [cell for cell in cells if cell not in _MISSING]
    return bool(present) and all(is_number(cell, comma=comma) for cell in present)


def decimal_comma(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the decimals of a table are written with a comma: some are, and none with a point."""
    cells = [cell for row in rows[:200] for cell in row]
    with_comma = sum("," in cell and is_number(cell, comma=True) for cell in cells)
    with_point = sum("." in cell and is_number(cell) for cell in cells)
    return with_comma > 0 and with_point == 0


def typed(cells: Sequence[str], *, comma: bool = False) -> NDArray[np.generic] | list[str | None]:
    """A column as numbers where every cell is one or missing, else as text with None where empty.

    Whole numbers stay whole unless some are missing. Leading zeros and more than 15 digits mean an id.

    >>> typed(["1", "2"]).dtype.name, typed(["1.5", "NA"]).tolist(), typed(["007", "008"])
    ('int64', [1.5, nan], ['007', '008'])
    """
    if not holds_numbers(cells, comma=comma) or any(_is_id(cell) for cell in cells):
        return [cell or None for cell in cells]
    if all(_INTEGER.fullmatch(cell) for cell in cells):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    points = (cell.replace(",", ".") if comma else cell for cell in cells)
    return np.array([float("nan") if cell in _MISSING else float(cell) for cell in points], dtype=np.float64)


def _is_id(cell: str) -> bool:
    digits = cell.lstrip("+-")
    if _INTEGER.fullmatch(cell) is None:
        return False
    return len(digits) > _EXACT_DIGITS or (len(digits) > 1 and digits[0] == "0")
