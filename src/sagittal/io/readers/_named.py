"""Which array of a file of several a locator names, and which row of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from sagittal.errors import UnreadableInput, nearest

_MOST_LISTED = 8


def named(part: str, names: Sequence[str], path: Path, *, kind: str, beside: Collection[str] = ()) -> tuple[str, str]:
    """The array that a part names, and its row as it was written: empty where the whole array is meant.

    A part that is the name of an array is that array, though it may end in a number. Where a file holds one array only,
    it need not be named, and a number alone is a row of it.

    Args:
        part: What stands behind ``::``; may be empty.
        names: Of all arrays of the file.
        path: The file, for messages.
        kind: What the file calls them, for messages: ``array``, ``dataset``.
        beside: Names that may lie beside the only array, such as ``affine``.

    Raises:
        UnreadableInput: There is no such array; or there are several, and none is named.

    >>> named("x/3", ["x", "y"], Path("a.npz"), kind="array"), named("3", ["x"], Path("a.npz"), kind="array")
    (('x', '3'), ('x', '3'))
    """
    if part in names:
        return part, ""
    name, _, row = part.rpartition("/")
    if name in names:
        return name, row
    things = [n for n in names if n not in beside] or names
    if len(things) == 1 and (not part or _is_number(part)):
        return things[0], part
    if not part:
        listed = ", ".join(names[:_MOST_LISTED]) or "none"
        raise UnreadableInput(
            "SEVERAL_PICTURES", path, f"it holds the {kind}s {listed}", f"name one: {path}::{next(iter(names), 'NAME')}/0"
        )
    raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"there is no {kind} of this name", nearest(name or part, names))


def row_of(row: str, shape: Sequence[int], item: object, what: str) -> int:
    """The number of a row, counted from 0.

    Args:
        row: As it was written.
        shape: Of the array.
        item: The file and its part, for messages.
        what: The array, for messages.

    Raises:
        UnreadableInput: The array has no such row.

    >>> row_of("2", (3, 8), "a.npy::2", "the array")
    2
    """
    rows = shape[0] if shape else 0
    if not _is_number(row) or int(row) >= rows:
        raise UnreadableInput("NO_SUCH_PART", item, f"{what} has {rows} rows, counted from 0", "name one of them")
    return int(row)


def _is_number(text: str) -> bool:
    # not isdigit alone, which takes a superscript for a number
    return text.isascii() and text.isdigit()
