"""Our own manifest.csv, written by an audit or by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sagittal.data._annotators import rule_of
from sagittal.data.drawings import parts_of
from sagittal.data.layouts._cells import cells_of
from sagittal.data.layouts._drawn import classes_drawn
from sagittal.data.layouts._found import Found, found, labels_for, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.manifest import DRAWN, has_record, read
from sagittal.errors import SagittalError


def manifest_csv(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    annotators: str | None = None,
    classes: list[str] | None = None,
    words: dict[str, str] | None = None,
    objects: bool | None = None,
) -> Found | None:
    """The cases of a ``manifest.csv`` with the columns ``case`` and ``image`` (or ``image:<channel>``).

    Where no ``manifest.json`` lies beside it, the classes of masks and outlines are told by the drawings themselves.

    Args:
        root: The CSV, or the folder that holds it.
        group: Another rule for whose a case is than the column ``group``.
        positive: Another positive class than ``manifest.json`` names.
        annotators: How the drawings of several people (``a.png;b.png`` in the column ``annotation``) are joined: ``majority``,
            or ``staple``, which weighs each by how good they seem.
        classes: Names of the numbers in masks, or the classes of outlines, the background first.
        words: What outlines are called or coloured, where it is not the class itself.
        objects: Each outline or number is an object to be told apart; by default where a picture has many of one class.

    Returns:
        None when there is no such file or its columns are others.
    """
    file = root / "manifest.csv" if root.is_dir() else root
    if not file.is_file() or file.suffix.casefold() != ".csv" or not _is_ours(file):
        return None
    manifest = read(file)
    told = None
    if manifest.said in DRAWN and (not has_record(file) or classes or words or objects is not None):
        drawings = [manifest.locate(one.strip()) for c in manifest.cases for one in parts_of(c.annotation)]
        told = classes_drawn(drawings, root=manifest.root, classes=classes, words=words, objects=objects)
        manifest = replace(manifest, labels=told.labels, provenance={**manifest.provenance, "objects": told.objects})
    rule = str(manifest.provenance.get("group_rule", "column group" if manifest.has_groups else "unknown"))
    labels = manifest.labels
    if positive is not None or labels.positive is None:
        labels = with_positive(labels, labels_for(labels.classes, positive=positive, said=manifest.said).positive)
    cases = manifest.cases
    if group is not None:
        whose = grouped(cases, group)
        cases, rule = whose.cases, whose.rule
    several = {} if annotators is None else {"annotators": rule_of(annotators)}
    people = len({c.group for c in cases if c.group})
    sentence = f"our manifest: {plural(len(cases), 'case')}, {told.note if told is not None else plural(len(labels), 'class')}"
    sentence += f", {'/'.join(manifest.splits)}" if manifest.splits else ", no splits"
    sentence += f", {plural(people, 'patient')}" if people else ", patients are not known"
    remade = type(manifest)(
        cases=cases, labels=labels, root=manifest.root, provenance={**manifest.provenance, "group_rule": rule, **several}
    )
    return found("manifest_csv", remade, sentence, extra=32)


def _is_ours(file: Path) -> bool:
    try:
        cells = cells_of(file)
    except SagittalError:
        return False
    if cells is None:
        return False
    return "case" in cells.columns and any(c == "image" or c.startswith("image:") for c in cells.columns)
