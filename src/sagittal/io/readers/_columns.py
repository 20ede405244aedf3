"""Columns of text cells: which are numbers, and which only look like it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NUMBER_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_MISSING = {"", "na", "n/a", "nan", "null", "?", "<na>", "#n/a"}
_BESIDE_NUMBERS = _MISSING | {"-", "--", ".", "none", "n.a.", "n. a.", "missing", "unknown"}
"""Some of these may be words that mean something, but not in a column of numbers."""

_TRUTHS = {"true": 1.0, "yes": 1.0, "y": 1.0, "false": 0.0, "no": 0.0, "n": 0.0}
_PAIRS = ({"true", "false"}, {"yes", "no"}, {"y", "n"})
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_INTEGER = re.compile(r"[+-]?\d+")
_EXACT_DIGITS = 15


def is_number(cell: str, *, comma: bool = False) -> bool:
    """Whether a cell is a decimal number.

    >>> is_number("1.5e-3"), is_number("0x10"), is_number("1,5", comma=True)
    (True, False, True)
    """
    return (_NUMBER_COMMA if comma else _NUMBER).fullmatch(cell) is not None


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is nothing, whatever its column holds.

    >>> is_missing("NA"), is_missing("none")
    (True, False)
    """
    return cell.casefold() in _MISSING


def holds_numbers(cells: Sequence[str], *, comma: bool = False) -> bool:
    """Whether there is a number, and nothing but numbers and missing cells."""
    # The first cells of a column of words tell.
    seen = False
    for cell in cells:
        if is_number(cell, comma=comma):
            seen = True
        elif cell.casefold() not in _BESIDE_NUMBERS:
            return False
    return seen


def truths(cells: Iterable[object]) -> NDArray[np.float64] | None:
    """A column of true and false, yes and no, or Y and N, in any case, as 1 and 0; NaN where missing, None where it is none.

    >>> truths(["Yes", "no", None, "NA"]).tolist(), truths(["yes", "perhaps"]), truths([True, False]).tolist()
    ([1.0, 0.0, nan, nan], None, [1.0, 0.0])
    """
    told = ["" if cell is None or cell != cell else str(cell).casefold() for cell in cells]
    present = set(told) - _MISSING
    if not any(present <= pair for pair in _PAIRS):
        return None
    return np.array([_TRUTHS.get(word, np.nan) for word in told], dtype=np.float64)


def decimal_comma(rows: Sequence[Sequence[str]], *, thousands: bool = False) -> bool:
    """Whether the decimals of a table are written with a comma: some are, and none with a point.

    Args:
        rows: Of the table.
        thousands: ``1,234`` may as well be more than a thousand, and does not tell.

    >>> decimal_comma([["1,5", "2"]]), decimal_comma([["1,5", "2.5"]]), decimal_comma([["1,234"]], thousands=True)
    (True, False, False)
    """
    cells = [cell for row in rows[:200] for cell in row if "," in cell or "." in cell]
    with_comma = sum("," in cell and is_number(cell, comma=True) and not (thousands and _THOUSANDS.fullmatch(cell)) for cell in cells)
    return with_comma > 0 and not any("." in cell and is_number(cell) for cell in cells)


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
    return np.array([float(cell) if cell.casefold() not in _BESIDE_NUMBERS else float("nan") for cell in points], dtype=np.float64)


def _is_id(cell: str) -> bool:
    digits = cell.lstrip("+-")
    if _INTEGER.fullmatch(cell) is None:
        return False
    return len(digits) > _EXACT_DIGITS or (len(digits) > 1 and digits[0] == "0")
