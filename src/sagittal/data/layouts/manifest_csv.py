"""Our own manifest.csv, written by an audit or by hand."""

from __future__ import annotations

from pathlib import Path

from sagittal.data._annotators import rule_of
from sagittal.data.layouts._cells import cells_of
from sagittal.data.layouts._found import Found, found, labels_for, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.manifest import read
from sagittal.errors import SagittalError


def manifest_csv(root: Path, *, group: str | None = None, positive: str | None = None, annotators: str | None = None) -> Found | None:
    """The cases of a ``manifest.csv`` with the columns ``case`` and ``image`` (or ``image:<channel>``).

    Args:
        root: The CSV, or the folder that holds it.
        group: Another rule for whose a case is than the column ``group``.
        positive: Another positive class than ``manifest.json`` names.
        annotators: How the drawings of several people (``a.png;b.png`` in the column ``annotation``) are joined: ``majority``,
            or ``staple``, which weighs each by how good they seem.

    Returns:
        None when there is no such file or its columns are others.
    """
    file = root / "manifest.csv" if root.is_dir() else root
    if not file.is_file() or file.suffix.casefold() != ".csv" or not _is_ours(file):
        return None
    manifest = read(file)
    rule = str(manifest.provenance.get("group_rule", "column group" if manifest.has_groups else "unknown"))
    labels = manifest.labels
    if positive is not None or labels.positive is None:
        labels = with_positive(labels, labels_for(labels.classes, positive=positive, said=manifest.said).positive)
    cases = manifest.cases
    if group is not None:
        told = grouped(cases, group)
        cases, rule = told.cases, told.rule
    several = {} if annotators is None else {"annotators": rule_of(annotators)}
    people = len({c.group for c in cases if c.group})
    sentence = f"our manifest: {plural(len(cases), 'case')}, {plural(len(labels), 'class')}"
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
