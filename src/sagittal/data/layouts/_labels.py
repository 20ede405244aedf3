"""Which columns of a table are what a person said of a row."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagittal.data.layouts._columns import are_numbers, are_values, is_id, label_columns, plain, words
from sagittal.data.manifest import Said, classes_of
from sagittal.io.readers._columns import is_missing, truths

_META = {
    "sex",
    "gender",
    "age",
    "scanner",
    "site",
    "hospital",
    "center",
    "centre",
    "device",
    "manufacturer",
    "modality",
    "view",
    "laterality",
}
_META |= {
    "side",
    "eye",
    "date",
    "time",
    "year",
    "race",
    "ethnicity",
    "encoding",
    "comment",
    "note",
    "notes",
    "position",
    "weight",
    "height",
}
_META |= {"source", "url", "license", "width", "institution", "format", "sha", "md", "hash", "folder", "dir", "directory", "fold", "path"}


_ON = {"1", "1.0", "true", "yes", "y"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What was said, row by row.

    Args:
        said: One word, several, or a number.
        words: A row each, in the manifest's spelling.
        classes: In order.
        columns: Where it stood.
        guessed: No column is named as a label; one merely looks like it.
        choices: Columns that it could be, when it could be several.
        note: A clause for the sentence.
    """

    said: Said
    words: list[str]
    classes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    guessed: bool = False
    choices: tuple[str, ...] = ()
    note: str = ""


def tell(columns: Mapping[str, Sequence[str]], asked: str = "") -> Told:
    """What the columns of a table say of its rows.

    The column that the user named; else the one named after a label (words rather than their numbers, where two
    say the same); else columns of zeros and ones (or yes and no), a class each; else the only column with few different words.

    Args:
        columns: Those that name no file, split or patient.
        asked: The column that the user named.

    Returns:
        What was said; nothing, with the choices, when several columns could tell it.
    """
    rows = len(next(iter(columns.values()), []))
    if asked:
        return _from_column(asked, columns[asked])
    named = [c for c in label_columns(columns) if any(columns[c])]
    if named:
        chosen, note, torn = _choose(named, columns)
        if torn:
            return Told(said="nothing", words=[""] * rows, classes=(), choices=torn)
        return _from_column(chosen, columns[chosen], note=note)
    hot = [c for c in columns if not is_id(c) and not describes(c) and _is_hot(columns[c])]
    if len(hot) >= 2:
        return _from_hot(hot, columns)
    likely = [c for c in columns if not is_id(c) and not describes(c) and _is_wordy(columns[c])]
    if len(likely) == 1:
        told = _from_column(likely[0], columns[likely[0]])
        return Told(
            said=told.said, words=told.words, classes=told.classes, columns=told.columns, guessed=True, note=f"label guessed: {likely[0]}"
        )
    return Told(said="nothing", words=[""] * rows, classes=(), choices=tuple(likely))


def ask(choices: Sequence[str]) -> str:
    """What to type where several columns could be the label.

    >>> ask(["grade", "Risk of edema"])
    "say which: --set data.label=grade, or --set 'data.label=Risk of edema'"
    """
    return "say which: " + ", or ".join(f"--set {shlex.quote(f'data.label={one}')}" for one in choices)


def describes(name: str) -> bool:
    """Whether a column is named after what describes a case and is hardly ever asked: age, sex, site ..."""
    return bool(words(name) & _META)


def _choose(named: Sequence[str], columns: Mapping[str, Sequence[str]]) -> tuple[str, str, tuple[str, ...]]:
    """One of several columns that are named after labels, a note on the others, and the choice where none stands out."""
    first = named[0]
    same = [c for c in named if _one_to_one(columns[first], columns[c])]
    worded = [c for c in same if not are_numbers(columns[c])]
    chosen = worded[0] if worded and are_numbers(columns[first]) else first
    others = [c for c in named if c not in same]
    exact = [c for c in label_columns(named) if plain(c) in {"label", "labels", "class", "target", "diagnosis"}]
    if others and not exact and not _refines(columns[chosen], columns[others[0]]):
        return chosen, "", (chosen, *others)
    return chosen, f"also there: {', '.join(others)} (choose with data.label)" if others else "", ()


def _one_to_one(a: Sequence[str], b: Sequence[str]) -> bool:
    pairs = set(zip(a, b, strict=True))
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


def _refines(coarse: Sequence[str], fine: Sequence[str]) -> bool:
    pairs = set(zip(coarse, fine, strict=True))
    return len(pairs) == len({y for _, y in pairs})


def _is_wordy(cells: Sequence[str]) -> bool:
    """Whether a column has few different words that repeat."""
    distinct = {c for c in cells if c}
    return 2 <= len(distinct) <= 50 and len(distinct) <= 0.5 * len(cells) and not are_values(cells)


def _from_column(name: str, cells: Sequence[str], *, note: str = "") -> Told:
    """Words, several words, or numbers, told by the cells; ``NA``, ``?`` and the like are no label."""
    cells = ["" if is_missing(c) else c for c in cells]
    if are_values(cells):
        return Told(said="value", words=cells, classes=(name,), columns=(name,), note=note)
    mark = _mark(name, cells)
    if mark:
        parted = [";".join(dict.fromkeys(w.strip() for w in re.split(mark, c) if w.strip())) for c in cells]
        return Told(said="labels", words=parted, classes=classes_of(w for c in parted for w in c.split(";")), columns=(name,), note=note)
    whole = _whole(cells)
    return Told(said="label", words=whole, classes=classes_of(whole), columns=(name,), note=note)


def _mark(name: str, cells: Sequence[str]) -> str:
    """The sign that parts several labels in a cell, as a pattern; empty when a cell holds one."""
    for mark in (";", r"\|"):
        parts = {w.strip() for c in cells for w in re.split(mark, c)}
        if any(re.search(mark, c) for c in cells) and len(parts) < len({c for c in cells if c}) + 1 + len(parts) // 2:
            return mark
    several = plain(name) in {"labels", "findings", "findinglabels", "tags", "classes", "diseases", "categories"}
    return "," if several and any("," in c for c in cells) else ""


def _whole(cells: Sequence[str]) -> list[str]:
    """Class numbers without a decimal point: ``1.0`` is class 1."""
    return [c[:-2] if c.endswith(".0") and c[:-2].lstrip("-").isdigit() else c.replace(";", ",") for c in cells]


def _is_hot(cells: Sequence[str]) -> bool:
    return any(cells) and (set(cells) <= {"0", "1", "0.0", "1.0"} or ("" not in cells and truths(cells) is not None))


def _from_hot(hot: Sequence[str], columns: Mapping[str, Sequence[str]]) -> Told:
    """A class for each column of zeros and ones, or of yes and no: one a row, or several."""
    on = [[c for c in hot if columns[c][row].casefold() in _ON] for row in range(len(columns[hot[0]]))]
    said: Said = "label" if all(len(row) == 1 for row in on) else "labels"
    return Told(said=said, words=[";".join(row) for row in on], classes=tuple(hot), columns=tuple(hot))
