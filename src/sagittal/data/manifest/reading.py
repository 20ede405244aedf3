"""A manifest from ``manifest.csv``, and from ``manifest.json`` where it lies beside."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sagittal.core import Case, Labels
from sagittal.data.layouts._cells import cells_of
from sagittal.data.layouts._files import split_of
from sagittal.data.manifest.naming import classes_of
from sagittal.data.manifest.table import Manifest
from sagittal.data.manifest.words import CSV, DRAWN, FORMAT, VERSION, Said
from sagittal.errors import UnreadableInput

_FIXED = ("case", "group", "split", "annotation", "label")


def read(path: Path, *, root: Path | None = None) -> Manifest:
    """A manifest from ``manifest.csv`` (or its folder); ``manifest.json`` beside it is used when it is there.

    A person may write or change the CSV: the classes then come from it, and the provenance says ``edited``.

    Args:
        path: The CSV or the folder that holds it.
        root: Where relative locators start; otherwise where the JSON says, or else the CSV's folder.

    Raises:
        UnreadableInput: There is no such file, or it is no manifest.
    """
    path = Path(path)
    file = path / CSV if path.is_dir() else path
    digest = _digest(file)
    cases = _cases(file)
    record = _record(file.with_suffix(".json"))
    said, labels, provenance = _told(cases, record)
    if record and record.get("sha256", {}).get(CSV) not in {None, digest}:
        provenance["edited"] = True
    return Manifest(cases=tuple(cases), labels=labels, root=root or _root(file, record, cases), provenance={**provenance, "said": said})


def has_record(file: Path) -> bool:
    """Whether what is known of a manifest's cases lies beside it; it was written by hand otherwise."""
    return bool(_record(file.with_suffix(".json")))


def _digest(file: Path) -> str:
    """Of the text, whatever mark stands before it."""
    try:
        return hashlib.sha256(file.read_bytes().removeprefix(codecs.BOM_UTF8)).hexdigest()
    except FileNotFoundError:
        raise UnreadableInput("NOT_FOUND", file, "there is no such manifest", "run sagittal audit to make one") from None
    except OSError as error:
        raise UnreadableInput("MANIFEST", file, f"it cannot be read: {error.strerror}", "check its permissions") from error


def _cases(file: Path) -> list[Case]:
    # As programs of any country save it: a person may have written it by hand.
    table = cells_of(file)
    columns = list(table.columns) if table is not None else []
    images = {c: c.removeprefix("image:") for c in columns if c == "image" or c.startswith("image:")}
    if not images:
        raise UnreadableInput("MANIFEST", file, "it has no column image", "name the column of the files image")
    meta = [c for c in columns if c and c not in _FIXED and c not in images]
    cases = []
    for row in zip(*table.columns.values(), strict=True) if table is not None else ():
        cell = dict(zip(columns, row, strict=True))
        sources = {name: cell[c].replace("\\", "/") for c, name in images.items() if cell[c]}
        first = next(iter(sources.values()), "")
        name = cell.get("case") or str(PurePosixPath(first).with_suffix("")) if first else cell.get("case", "")
        extra = {k: cell[k] for k in meta if cell[k]}
        told = {k: cell.get(k, "") for k in ("group", "split", "annotation", "label")}
        told["split"] = split_of(told["split"]) or told["split"]
        cases.append(Case(id=name, images=sources, meta=extra, **told))
    return cases


def _record(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput("MANIFEST", file, f"it is no JSON: {error}", "delete it, or make the manifest again") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return {}
    if record.get("version") != VERSION:
        raise UnreadableInput(
            "MANIFEST", file, f"its version is {record.get('version')}; this program knows {VERSION}", "update the program"
        )
    return record


def _told(cases: Sequence[Case], record: Mapping[str, object]) -> tuple[Said, Labels, dict[str, object]]:
    """What was said, the labels and the provenance: from the record, else from the cases."""
    bare = Manifest(cases=tuple(cases), labels=Labels(classes=()), root=Path())
    provenance = record.get("provenance")
    known: dict[str, object] = dict(provenance) if isinstance(provenance, dict) else {"layout": "manifest_csv"}
    said: Said = record.get("said") or bare.said  # type: ignore[assignment]
    if not record and said == "label" and _are_values([c.label for c in cases]):
        said = "value"
    if isinstance(record.get("labels"), dict):
        return said, _widened(Labels.from_record(record["labels"]), cases, said), known  # type: ignore[arg-type]
    if said == "value":
        return said, Labels(classes=("value",)), known
    if said in DRAWN:
        return said, Labels(classes=("background", "foreground"), background="background"), known
    return said, Labels(classes=classes_of(w for c in cases for w in c.label.split(";"))), known


def _widened(labels: Labels, cases: Sequence[Case], said: Said) -> Labels:
    """The labels with the classes that a person wrote into the CSV afterwards."""
    if said not in {"label", "labels"}:
        return labels
    found = {w for c in cases for w in (c.label.split(";") if said == "labels" else [c.label]) if w}
    new = classes_of(found - set(labels.classes))
    return replace(labels, classes=(*labels.classes, *new)) if new else labels


def _are_values(words: Sequence[str]) -> bool:
    """Whether labels are measurements: numbers of which some are not whole."""
    try:
        numbers = [float(w) for w in words if w]
    except ValueError:
        return False
    return bool(numbers) and any(not n.is_integer() for n in numbers)


def _root(file: Path, record: Mapping[str, object], cases: Sequence[Case]) -> Path:
    """Where the data lie: where the record says while that is true, else beside the CSV."""
    beside, told = file.parent.resolve(), record.get("root")
    if not isinstance(told, str):
        return beside
    first = next((p.partition("::")[0] for c in cases for p in c.images.values()), "")
    return beside if not (Path(told) / first).exists() and (beside / first).exists() else Path(told)
