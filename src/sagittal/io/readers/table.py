"""Tables: comma, tab or semicolon separated text, and parquet; a row is an image without axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image
from sagittal.errors import UnreadableInput
from sagittal.io._reader import Format, Reader, starts
from sagittal.io._recent import Recent
from sagittal.io._sniff import is_text
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._columns import holds_numbers, is_missing, is_number, truths, typed
from sagittal.io.readers._delimited import LOOK, rows_of

if TYPE_CHECKING:
    import pandas as pd

_TEXT = Format(name="text", suffixes=(".csv", ".tsv", ".tab", ".txt", ".data"), matches=is_text)
NUMERIC = frozenset("iufb")
"""Kinds of columns that hold numbers."""

_PARQUET = Format(name="Parquet", suffixes=(".parquet", ".pq"), matches=starts(b"PAR1"))


def load_table(path: Path, limits: Limits) -> pd.DataFrame:
    """The table in a file, every column as numbers or as text.

    Encoding (UTF-8, UTF-16 with its mark, else Windows-1252), delimiter and decimal comma are told from the content.
    A first row that looks like the rows below is data, and the columns are then called ``c0``, ``c1`` ... Empty cells
    are missing; in columns of numbers ``NA``, ``nan``, ``null``, ``?``, ``-``, ``none`` and the like are too. Numbers with
    leading zeros or of more than 15 digits are ids and stay text. True and false, yes and no are text, and 1 and 0 to a model.

    Raises:
        UnreadableInput: Not text, a row with too few or too many cells, over a limit, no rows.
    """
    return _frame(path, limits)


def _frame(path: Path, limits: Limits) -> pd.DataFrame:
    def decode() -> pd.DataFrame:
        with path.open("rb") as file:
            parquet = _PARQUET.matches(file.read(4))
        return _parquet(path, limits) if parquet else _text(path, limits)

    return _decoded.get(path, "", decode)


def _text(path: Path, limits: Limits) -> pd.DataFrame:
    import pandas as pd

    size = path.stat().st_size
    with decoding(path, "table"):
        rows, comma = rows_of(path, limits)
    if not rows:
        raise UnreadableInput("EMPTY", path, "there are no rows", "leave it out")
    limits.check(path, (len(rows), len(rows[0])), 8, stored=size)
    names, body = (_unique(rows[0]), rows[1:]) if _has_header(rows, comma=comma) else (_numbered(len(rows[0])), rows)
    if not body:
        raise UnreadableInput("EMPTY", path, "there is a header and no rows below it", "leave it out")
    columns = zip(*body, strict=True)
    return pd.DataFrame({name: typed(cells, comma=comma) for name, cells in zip(names, columns, strict=True)})


def _has_header(rows: Sequence[Sequence[str]], *, comma: bool) -> bool:
    """Whether the first row names the columns.

    It does when it has a word where numbers follow, and not when it has a number where numbers follow. Where
    all columns are words, it does unless one of its words comes again below in the same column.
    """
    first, below = rows[0], rows[1 : LOOK + 1]
    if not below:
        return not any(is_number(cell, comma=comma) for cell in first)
    numeric = [holds_numbers([row[i] for row in below], comma=comma) for i in range(len(first))]
    over_numbers = [cell for cell, n in zip(first, numeric, strict=True) if n and not is_missing(cell)]
    if over_numbers:
        return not any(is_number(cell, comma=comma) for cell in over_numbers)
    return not any(cell and cell == row[i] for i, cell in enumerate(first) for row in below)


def _unique(names: Sequence[str]) -> list[str]:
    """Column names, made unique; a column without one is called by its place."""
    seen: Counter[str] = Counter()
    found = []
    for place, given in enumerate(names):
        name = " ".join(given.split()) or f"c{place}"
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    return found if len(set(found)) == len(found) else _numbered(len(names))


def _numbered(n: int) -> list[str]:
    return [f"c{i}" for i in range(n)]


def _parquet(path: Path, limits: Limits) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with decoding(path, "Parquet"):
        size = path.stat().st_size
        limits.check_file(path, size)
        with pq.ParquetFile(path) as opened:
            about = opened.metadata
            limits.check(path, (about.num_rows, about.num_columns), 8, stored=size)
            unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            limits.check(path, (max(unpacked, 1),), 1, stored=size)
            frame: pd.DataFrame = opened.read().to_pandas()
    frame.columns = _unique([str(c) for c in frame.columns])
    return frame.reset_index(drop=True)


def _open(path: Path, part: str, limits: Limits) -> Image:
    """A row as an image without axes: its columns of numbers, or of yes and no, are the channels, missing cells NaN."""
    frame = _frame(path, limits)
    if not part and len(frame) != 1:
        raise UnreadableInput("SEVERAL_ROWS", path, f"the table has {len(frame)} rows, and none is named", f"name one, from 0: {path}::0")
    row = part or "0"
    if not (row.isascii() and row.isdigit()) or int(row) >= len(frame):
        raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"the table has {len(frame)} rows, counted from 0", "name one of them")
    names, numbers = _numbers.get(path, "numbers", lambda: _numeric(frame))
    if not names:
        raise UnreadableInput("NOT_NUMBERS", path, "no column of the table holds numbers", "check the delimiter")
    meta = {"format": "table", "bits": 64, "mode": "float64"}
    return Image.of(numbers[int(row)], Geometry.none(), channels=names, meta=meta)


def truths_in(frame: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """The columns of true and false or yes and no, as 1 and 0; those without any value are NaN."""
    kinds = zip(frame.columns, (kind.kind for kind in frame.dtypes), strict=True)
    told = {str(name): truths(frame[name].tolist()) for name, kind in kinds if kind not in NUMERIC}
    return {name: values for name, values in told.items() if values is not None}


def _numeric(frame: pd.DataFrame) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    kinds = dict(zip(map(str, frame.columns), (kind.kind for kind in frame.dtypes), strict=True))
    numbers = [name for name, kind in kinds.items() if kind in NUMERIC]
    told = truths_in(frame)
    seen = tuple(name for name in kinds if kinds[name] in NUMERIC or name in told)
    found = np.empty((len(frame), len(seen)))
    found[:, [name not in told for name in seen]] = frame[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    for place, name in enumerate(seen):
        if name in told:
            found[:, place] = told[name]
    return seen, found


def _frame_bytes(frame: pd.DataFrame) -> int:
    return int(frame.memory_usage(deep=True).sum())


_decoded: Recent[pd.DataFrame] = Recent(2**28, _frame_bytes)
_numbers: Recent[tuple[tuple[str, ...], NDArray[np.float64]]] = Recent(2**28, lambda kept: int(kept[1].nbytes))
table = Reader(name="table", formats=(_PARQUET, _TEXT), open=_open)
