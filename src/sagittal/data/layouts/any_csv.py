"""Any CSV that names files beside labels, splits or patients, under whatever column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sagittal.core import Case
from sagittal.data.layouts._cells import Cells, cells_of
from sagittal.data.layouts._codes import Drawn
from sagittal.data.layouts._columns import MICROMETRES, are_numbers, group_column, micrometre_column, split_column
from sagittal.data.layouts._drawn import are_outlines, classes_drawn
from sagittal.data.layouts._files import PICTURES, TABLES, VOLUMES, ids_of, split_of, suffix_of, walk
from sagittal.data.layouts._found import Found, found, labels_for, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._images import images
from sagittal.data.layouts._index import FileIndex
from sagittal.data.layouts._labels import Told, tell
from sagittal.data.layouts._roles import is_mask_name
from sagittal.data.layouts._split_tables import joined
from sagittal.data.manifest import DRAWN, OUTLINES, Manifest
from sagittal.errors import SagittalError, UsageError, nearest

_LEAST_FOUND = 0.5
_SEEN = 50
_OFTEN = 0.05
_MOST_DEPTH = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """What the user said of columns; empty where nothing."""

    image: str = ""
    label: str = ""
    split: str = ""
    group: str = ""
    mask: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What the user said of classes and drawings."""

    positive: str | None
    classes: list[str] | None
    words: dict[str, str] | None
    objects: bool | None


def any_csv(
    root: Path,
    *,
    file: str | None = None,
    image: str | None = None,
    label: str | None = None,
    split: str | None = None,
    group: str | None = None,
    mask: str | None = None,
    positive: str | None = None,
    classes: list[str] | None = None,
    words: dict[str, str] | None = None,
    objects: bool | None = None,
) -> Found | None:
    """Cases from a CSV, TSV or parquet file one of whose columns names files that are there.

    The column of files is found by looking which cells are files (paths of another machine and names without
    a suffix too); the others by their names and cells. A column ``mpp`` says how many micrometres a pixel is, as ``data.mpp``
    does of all. Files called ``train.csv``, ``val.csv`` and
    ``test.csv`` with the same columns are taken together, each of the files below a folder named after its split.

    Args:
        root: The CSV, or the folder that holds it and the pictures.
        file: Which CSV, where a folder has several.
        image: The column that names the files.
        label: The column of the class, of several classes parted by ``;`` or ``|``, or of a value.
        split: The column of the split.
        group: The column of the patient, or a pattern for the file names, or ``none``.
        mask: The column that names masks or outlines.
        positive: The class that a sensitivity speaks of.
        classes: Names of the numbers in masks, or the classes of outlines, the background first.
        words: What outlines are called or coloured, where it is not the class itself.
        objects: Each outline or number is an object to be told apart; by default where a picture has many of one class.

    Returns:
        None when no table names files.

    Raises:
        UsageError: A column that was named does not exist; or several tables say as much as each other.
    """
    base = root if root.is_dir() else root.parent
    asked = _Columns(image=image or "", label=label or "", split=split or "", group=group or "", mask=mask or "")
    tables = _tables(root, file)
    if not tables:
        return None
    pictured = images(base, (*PICTURES, *VOLUMES))
    files = _Files(FileIndex(pictured, base), FileIndex(walk(base, OUTLINES), base))
    if not files.index.locators:
        return None
    said = _Asked(positive=positive, classes=classes, words=words, objects=objects)
    seen = [one for table in joined(tables, pictured, base) if (one := _see(table, files, base, asked, said)) is not None]
    if not seen:
        return None
    best = max(seen, key=lambda f: (f.rank, len(f.manifest)))
    rivals = [f for f in seen if f is not best and (f.rank, len(f.manifest)) == (best.rank, len(best.manifest))]
    if rivals and any(_words(f) != _words(best) for f in rivals):
        names = ", ".join(str(f.manifest.provenance["file"]) for f in (best, *rivals))
        raise UsageError("AMBIGUOUS_TABLE", base, f"several tables name the same files: {names}", "say which with data.file=NAME")
    return best


def _words(one: Found) -> dict[str, str]:
    return {c.id: c.label for c in one.manifest.cases}


def _tables(root: Path, file: str | None) -> list[Cells]:
    """The tables that can be read, near the root."""
    if root.is_file():
        paths = [root] if suffix_of(root.name) in TABLES else []
    else:
        paths = [p for p in walk(root, TABLES) if len(p.relative_to(root).parts) <= _MOST_DEPTH]
    if file is not None and root.is_dir():
        chosen = [p for p in paths if p.name == file or p.relative_to(root).as_posix() == file]
        if not chosen:
            raise UsageError("UNKNOWN_FILE", f"data.file={file}", "there is no such table", nearest(file, (p.name for p in paths)))
        paths = chosen
    tables, torn = list[Cells](), list[SagittalError]()
    for path in paths:
        try:
            cells = cells_of(path)
        except SagittalError as error:
            if root.is_file() or file is not None:
                raise
            torn += [error] if error.code == "RAGGED" else []
            continue
        if cells is not None:
            tables.append(cells)
    if torn and not tables:
        # Where nothing else tells what the files are, this is said; a layout that fits needs no table.
        raise torn[0]
    return tables


@dataclass(frozen=True, slots=True)
class _Files:
    """The images below the folder, and the files of outlines, which are often called as them."""

    index: FileIndex
    outlines: FileIndex

    def find_all(self, names: Sequence[str]) -> list[str]:
        """The locator of each name."""
        return [(self.outlines if are_outlines(name) else self.index).find(name) for name in names]


def _see(table: Cells, files: _Files, base: Path, asked: _Columns, said: _Asked) -> Found | None:
    """What one table says, or None when it names no files."""
    for name in (asked.image, asked.label, asked.split, asked.mask):
        if name and name not in table.columns:
            raise UsageError("UNKNOWN_COLUMN", name, f"{table.file.name} has no such column", nearest(name, table.columns))
    table = _with_header(table, files.index)
    if not asked.image and _names_folders(table, base, files.index):
        return None
    image, locators, mask, masks = _file_columns(table, files, asked)
    if not image:
        return None
    used = {image, mask} - {""}
    rest = {c: v for c, v in table.columns.items() if c not in used}
    split = asked.split or split_column(rest)
    group = asked.group if asked.group in rest else ("" if asked.group else group_column({c: v for c, v in rest.items() if c != split}))
    others = {c: v for c, v in rest.items() if c not in {split, group}}
    size = micrometre_column({c: v for c, v in others.items() if c != asked.label})
    sayings = {c: v for c, v in others.items() if c != size}
    silent = Told(
        said=("outlines" if all(are_outlines(m) for m in masks if m) else "mask") if mask else "nothing",
        words=[""] * len(table),
        classes=(),
    )
    told = silent if mask or not sayings else tell(sayings, asked.label)
    meta = [c for c in others if c not in told.columns]
    cases = []
    for row in range(len(table)):
        cell = table.columns[image][row].replace("\\", "/")
        if not cell:
            continue
        extra = {c: others[c][row] for c in meta if others[c][row]}
        source = locators[row] or cell
        where = split_of(table.columns[split][row]) if split else ""
        whose = table.columns[group][row] if group else ""
        cases.append(
            Case(id=source, group=whose, split=where, images={"image": source}, annotation=masks[row], label=told.words[row], meta=extra)
        )
    return _as_found(table, base, _Mapping(image=image, split=split, group=group, mask=mask, size=size), told, _unique(cases), asked, said)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mapping:
    image: str
    split: str
    group: str
    mask: str
    size: str


def _as_found(table: Cells, base: Path, mapping: _Mapping, told: Told, cases: list[Case], asked: _Columns, said: _Asked) -> Found:
    rule, clause = f"column {mapping.group}", ""
    if not mapping.group:
        by_name = grouped(cases, asked.group or None)
        cases, rule, clause = list(by_name.cases), by_name.rule, f"; {by_name.clause}"
    told = _several(told, cases, table)
    drawn = _drawn(cases, base, said) if told.said in DRAWN else None
    labels = labels_for(told.classes, positive=said.positive, said=told.said) if drawn is None else drawn.labels
    roles = (
        ("file", mapping.image),
        ("label", " + ".join(told.columns)),
        ("split", mapping.split),
        ("patient", mapping.group),
        ("mask", mapping.mask),
        (MICROMETRES, mapping.size),
    )
    found_as = ", ".join(f"{role} = {column}" for role, column in roles if column)
    missing = sum(not (base / c.images["image"]).exists() for c in cases)
    sentence = f"{table.file.name}: {found_as}; {plural(len(cases), 'case')}"
    sentence += f", {plural(len(told.classes), 'class')}" if told.said in {"label", "labels"} else ""
    sentence += f", {drawn.note}" if drawn is not None else ""
    sentence += clause + (f"; {plural(missing, 'file')} not there, or not the only one of the name" if missing else "")
    sentence += f"; {told.note}" if told.note else ""
    provenance: dict[str, object] = {"said": told.said, "group_rule": rule, "file": table.file.name}
    provenance["mapping"] = dict(r for r in roles if r[1])
    provenance |= {"label_rule": "guessed"} if told.guessed else {}
    provenance |= {"objects": True} if drawn is not None and drawn.objects else {}
    provenance |= {MICROMETRES: mapping.size} if mapping.size else {}
    provenance |= {"choices": list(told.choices)} if told.choices else {}
    manifest = Manifest(cases=tuple(cases), labels=labels, root=base, provenance=provenance)
    return found("any_csv", manifest, sentence, extra=1 if told.said != "nothing" and not told.guessed else 0)


def _drawn(cases: Sequence[Case], base: Path, said: _Asked) -> Drawn:
    """The classes of what the table says was drawn."""
    drawings = [f"{base / c.annotation}" for c in cases if c.annotation]
    drawn = classes_drawn(drawings, root=base, classes=said.classes, words=said.words, objects=said.objects)
    return replace(drawn, labels=with_positive(drawn.labels, said.positive))


def _several(told: Told, cases: Sequence[Case], table: Cells) -> Told:
    """What was said, once rows that name a file again are counted: several labels, if that happens often.

    Raises:
        UsageError: It happens to a few files only, so it is a contradiction.
    """
    torn = [c for c in cases if ";" in c.label]
    if told.said != "label" or not torn:
        return told
    if len(torn) < _OFTEN * len(cases):
        what = f"{table.file.name} calls it {torn[0].label.replace(';', ' and ')}"
        raise UsageError("LABEL_CONFLICT", torn[0].id, what, "leave one of the rows")
    return replace(told, said="labels")


def _names_folders(table: Cells, base: Path, index: FileIndex) -> bool:
    """Whether a column holds paths of folders that are no slides: the table speaks of DICOM series, not of files called like them."""
    for name in table.columns:
        cells = table.filled(name)[:_SEEN]
        if cells and sum("/" in c and (base / c).is_dir() and index.find(c) != c for c in cells) >= _LEAST_FOUND * len(cells):
            return True
    return False


def _file_columns(table: Cells, files: _Files, asked: _Columns) -> tuple[str, list[str], str, list[str]]:
    """The columns of pictures and of masks, and the locators that their cells mean."""
    hits: dict[str, list[str]] = {}
    for name in table.columns:
        located = _locate(table, name, files)
        if name in {asked.image, asked.mask} or _names_files(table.filled(name), located, files.index):
            hits[name] = located
    drawn = [n for n, found in hits.items() if is_mask_name(n) or all(are_outlines(one) for one in found if one)]
    masks = [n for n in hits if n == asked.mask or (not asked.mask and n != asked.image and n in drawn)]
    mask = masks[0] if masks and len(hits) > len(masks) else ""
    images = [n for n in hits if n not in masks] or list(hits)
    # The column with the most distinct files: a column of folders or of patients names fewer.
    image = asked.image or max(images, key=lambda n: len(set(hits[n])), default="")
    blank = [""] * len(table)
    return image, hits.get(image, blank), mask, hits.get(mask, blank)


def _names_files(filled: Sequence[str], located: Sequence[str], index: FileIndex) -> bool:
    """Whether most of a column's cells are files; or most files are in it, as where a part of a large data set was fetched.

    Mere numbers do not count for the second: ages and counts meet files called 1 to 90 by chance.
    """
    hits = [one for one in located if one]
    return len(hits) >= _LEAST_FOUND * max(1, len(filled)) or (
        len(set(hits)) >= _LEAST_FOUND * len(index.locators) and not are_numbers(filled)
    )


def _locate(table: Cells, column: str, files: _Files) -> list[str]:
    """The file of each cell; where names alone are not unique, together with another column that names a folder."""
    cells = table.columns[column]
    located = files.find_all(cells)
    if all(located) or not any(suffix_of(c) in (*PICTURES, *VOLUMES) for c in cells[:50]):
        return located
    for other, folders in table.columns.items():
        if other == column:
            continue
        joined = files.find_all([f"{f}/{c}" if f and c else "" for f, c in zip(folders, cells, strict=True)])
        if sum(map(bool, joined)) > sum(map(bool, located)):
            located = joined
    return located


def _with_header(table: Cells, index: FileIndex) -> Cells:
    """The table; where its first row already names a file, that row is data and the columns are numbered."""
    if not any(index.find(name) and suffix_of(name) in (*PICTURES, *VOLUMES) for name in table.columns):
        return table
    return Cells(table.file, {f"c{i}": [name, *cells] for i, (name, cells) in enumerate(table.columns.items())})


def _unique(cases: list[Case]) -> list[Case]:
    """Cases with short ids; rows that name the same file again with the same words count once, their labels together."""
    by_file: dict[str, Case] = {}
    for case in cases:
        known = by_file.get(case.id)
        if known is not None and case.label and case.label not in known.label.split(";"):
            case = replace(known, label=";".join(filter(None, (known.label, case.label))))
        by_file[case.id] = case if known is None or case.label else known
    return [replace(c, id=name) for c, name in zip(by_file.values(), ids_of(by_file), strict=True)]
