"""A table whose rows are the cases and whose columns of numbers are what a model sees."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal.core import Case
from sagittal.data.layouts._columns import are_values, counts_rows, group_column, is_id, split_column
from sagittal.data.layouts._dicom_files import has_dicom
from sagittal.data.layouts._files import PICTURES, TABLES, VOLUMES, is_hidden, split_of, suffix_of
from sagittal.data.layouts._found import Found, found, labels_for, plural
from sagittal.data.layouts._images import images
from sagittal.data.layouts._index import FileIndex
from sagittal.data.layouts._labels import Told, ask, describes, tell
from sagittal.data.manifest import Manifest
from sagittal.errors import UsageError, nearest
from sagittal.io.readers._columns import is_missing, is_number

if TYPE_CHECKING:
    import pandas as pd

_MOST_NUMBERED = 20
"""Different numbers in a column of classes at most."""

_MOST_LISTED = 12
_DATE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")


def table(
    root: Path,
    *,
    file: str | None = None,
    label: str | None = None,
    group: str | None = None,
    split: str | None = None,
    features: list[str] | None = None,
    positive: str | None = None,
) -> Found | None:
    """Cases from the rows of one CSV, TSV or parquet file.

    Features are the columns of numbers, and of true and false or yes and no (1 and 0), that are not the label, the split, the
    patient, an id or a date. The label is the column named after one (``label``, ``class``, ``target``, ``diagnosis``, ``y``
    ...), else the only column of words, else the last column. A table without a header row has columns ``c0``, ``c1`` ...
    What became of columns that a model does not see is said.

    Args:
        root: The table, or a folder with one.
        file: Which table, where a folder has several.
        label: The column of the class or value.
        group: The column of the patient; ``none``.
        split: The column of the split.
        features: The columns that a model may see, where not all.
        positive: The class that a sensitivity speaks of.

    Returns:
        None when there is no table, or when its rows speak of pictures.

    Raises:
        UsageError: A column that does not exist; several tables in the folder; no column can be the label; a feature that is
            no column of numbers.
    """
    path = _path(root, file)
    if path is None:
        return None
    from sagittal.io import read_table
    from sagittal.io.readers.table import NUMERIC, truths_in

    frame = read_table(path)
    frame.columns = [str(c) for c in frame.columns]
    for name in (label, split, *(features or ())):
        if name and name not in frame.columns:
            raise UsageError("UNKNOWN_COLUMN", name, f"{path.name} has no such column", nearest(name, list(frame.columns)))
    words = {str(c): _words(column) for c, column in frame.items()}
    if len(frame) < 2 or len(words) < 2 or _names_files(words, path):
        return None
    parted = split or split_column(words)
    whose = "" if group == "none" else group if group in words else group_column({c: v for c, v in words.items() if c != parted})
    rest = {c: v for c, v in words.items() if c not in {parted, whose}}
    truths = {c for c in truths_in(frame) if any(words[c])}
    numbers = {str(c) for c, kind in frame.dtypes.items() if kind.kind in NUMERIC} | truths
    told = _told(rest, numbers, truths, label)
    unfit = [c for c in features or () if c not in numbers]
    if unfit:
        raise UsageError("NOT_NUMBERS", unfit[0], f"{path.name} has words in this column", "leave it out of data.features, or number them")
    unused = {c: why for c in rest if c not in told.columns and (why := _unused(c, rest[c], number=c in numbers))}
    seen = features or [c for c in rest if c not in told.columns and c not in unused]
    if not seen:
        return None
    # Tables of genes have a column for each: what is looked up is a set.
    left = set(rest).difference(told.columns, seen)
    unused = {c: unused.get(c, "not asked for") for c in rest if c in left}
    cases = [
        Case(
            id=str(row),
            group=words[whose][row] if whose else "",
            split=split_of(words[parted][row]) if parted else "",
            images={"row": f"{path.name}::{row}"},
            label=told.words[row],
            meta={c: rest[c][row] for c in unused if rest[c][row]},
        )
        for row in range(len(frame))
    ]
    rule = f"column {whose}" if whose else "unknown"
    provenance = {
        "said": told.said,
        "group_rule": rule,
        "features": list(seen),
        "file": path.name,
        "label_column": "".join(told.columns[:1]),
    }
    manifest = Manifest(
        cases=tuple(cases), labels=labels_for(told.classes, positive=positive, said=told.said), root=path.parent, provenance=provenance
    )
    kinds = (sum(c not in truths for c in seen), sum(c in truths for c in seen))
    return found("table", manifest, _sentence(path, manifest, told, kinds, unused=unused, whose=whose))


def _path(root: Path, file: str | None) -> Path | None:
    if root.is_file():
        return root if suffix_of(root.name) in (*TABLES, ".data", ".txt") else None
    if not root.is_dir():
        return None
    paths = [p for p in sorted(root.iterdir()) if p.is_file() and suffix_of(p.name) in TABLES and not is_hidden(p.name)]
    if file is not None:
        paths = [p for p in paths if p.name == file]
        if not paths:
            raise UsageError("UNKNOWN_FILE", f"data.file={file}", "there is no such table", "give the name of a table in the folder")
    elif paths and (images(root, (*PICTURES, *VOLUMES)) or has_dicom(root)):
        # Tables beside pictures speak of the pictures, or of nothing that a model sees.
        return None
    if len(paths) > 1:
        names = ", ".join(p.name for p in paths)
        raise UsageError("AMBIGUOUS_TABLE", root, f"the folder has several tables: {names}", "give the path of one, or data.file=NAME")
    return paths[0] if paths else None


def _words(column: pd.Series[float]) -> list[str]:
    """The cells as words; missing ones are empty, whole numbers have no decimal point."""
    whole = column.dtype.kind == "f" and bool((column.dropna() % 1 == 0).all())
    return ["" if v is None or v != v else str(int(v)) if whole else str(v) for v in column.tolist()]


def _names_files(words: dict[str, list[str]], path: Path) -> bool:
    """Whether a column names pictures that are there: then the rows speak of them."""
    candidates = [c for c, v in words.items() if any(suffix_of(w) in (*PICTURES, *VOLUMES) for w in v[:20])]
    if not candidates:
        return False
    index = FileIndex(images(path.parent, (*PICTURES, *VOLUMES)), path.parent)
    return any(sum(map(bool, index.find_all(words[c]))) >= 0.5 * len(words[c]) for c in candidates)


def _unused(name: str, cells: Sequence[str], *, number: bool) -> str:
    """Why a model does not see a column; empty where it does."""
    if is_id(name) or counts_rows(name, cells):
        return "an id"
    if number:
        return "dates" if all(_DATE.fullmatch(c) for c in cells if c) else ""
    filled = [c for c in cells if not is_missing(c)]
    if not filled:
        return "empty"
    strange = sum(not is_number(c) for c in filled)
    return f"words in {strange} of {len(filled)} cells" if strange <= 0.5 * len(filled) else "words"


def _told(rest: dict[str, list[str]], numbers: Set[str], truths: Set[str], label: str | None) -> Told:
    """The label of each row: a column named after one, else the only column of words, else the last column.

    Columns of true and false are features beside columns of words, and could be the label where there are none.

    Raises:
        UsageError: Several columns could be it.
    """
    few = [c for c in rest if not is_id(c) and not describes(c) and len(set(rest[c])) <= 0.5 * len(rest[c])]
    last = list(rest)[-1]
    said = [last] if last in truths and last in few else [c for c in few if c in truths]
    wordy = [c for c in few if c not in numbers and any(rest[c])] or said
    # Numbers of classes in the last column are as likely the label as words elsewhere
    if wordy and last in few and last not in wordy and 1 < len(set(rest[last])) <= _MOST_NUMBERED and not are_values(rest[last]):
        wordy.append(last)
    told = tell(rest, label or "")
    # Several columns of zeros and ones are classes beside pictures; in a table they are features like any other.
    if told.said != "nothing" and not told.guessed and len(told.columns) == 1:
        return told
    choices = wordy if told.guessed or not told.choices else list(told.choices)
    if len(choices) > 1:
        raise UsageError("AMBIGUOUS_LABEL", "label", f"several columns could be the label: {', '.join(choices)}", ask(choices))
    return tell(rest, choices[0] if choices else last)


def _sentence(path: Path, manifest: Manifest, told: Told, kinds: tuple[int, int], *, unused: dict[str, str], whose: str) -> str:
    numbers, truths = kinds
    seen = [plural(numbers, "column") + " of numbers"] if numbers else []
    seen += [plural(truths, "column") + " of yes and no"] if truths else []
    sentence = f"table {path.name}: {plural(len(manifest), 'row')}, {' and '.join(seen)}"
    column = "".join(told.columns[:1])
    if told.said == "value":
        sentence += f", value = {column}"
    else:
        classes = manifest.labels.classes
        sentence += f", label = {column} ({plural(len(classes), 'class')}: {', '.join(classes[:6])}{', ...' if len(classes) > 6 else ''})"
    bare = sum(not word for word in told.words)
    sentence += f", {plural(bare, 'row')} without one" if bare else ""
    sentence += f", patient = {whose}" if whose else ", patients are not known"
    if manifest.splits:
        sentence += f", {'/'.join(manifest.splits)}"
    return sentence + (f"; not for the model: {_listed(unused)}" if unused else "")


def _listed(unused: dict[str, str]) -> str:
    """Columns and why, those of one reason together.

    >>> _listed({"sex": "words", "id": "an id", "site": "words"})
    'sex, site (words), id (an id)'
    """
    reasons: dict[str, list[str]] = {}
    for name, why in list(unused.items())[:_MOST_LISTED]:
        reasons.setdefault(why, []).append(name)
    listed = ", ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
    return listed + (f" and {plural(len(unused) - _MOST_LISTED, 'other')}" if len(unused) > _MOST_LISTED else "")
