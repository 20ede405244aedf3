"""Tables to comma separated text that a spreadsheet opens safely."""

from __future__ import annotations

import csv as text
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from sagittal.core import Image
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io._reader import Writer


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Rows as UTF-8 text with a header; None is an empty cell; numbers keep all their digits.

    A text cell that a spreadsheet would run as a formula (it begins with ``=``, ``+``, ``-`` or ``@`` and is no number)
    gets a leading apostrophe.

    Raises:
        ValueError: A row has a column that is not listed.
        StorageFailure: Disk full, read-only, not permitted.
    """
    target = io.StringIO()
    writer = text.DictWriter(target, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _safe(value) for key, value in row.items()} for row in rows)
    atomic.write_text(path, target.getvalue())


def as_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as comma separated text, each cell as it is: what reads ids and file names again finds the same ones.

    >>> print(as_text([["case", "answer"], ["a,b", 0.5], ["c", None]]), end="")
    case,answer
    "a,b",0.5
    c,
    """
    target = io.StringIO()
    text.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue()


def _safe(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        try:
            float(value)
        except ValueError:
            return f"'{value}"
    if isinstance(value, np.generic):
        return value.item()
    return value


def _write(image: Image, path: Path) -> None:
    """One table row: the channels as columns.

    Raises:
        UsageError: An image with axes.
    """
    if image.geometry.axes != 0:
        raise UsageError("NOT_A_ROW", path, f"an image of {image.geometry.axes} axes", "write a picture as .png, a volume as .nii.gz")
    write_rows(path, image.channels, [dict(zip(image.channels, image.read().tolist(), strict=True))])


csv = Writer(name="csv", suffixes=(".csv",), write=_write)
