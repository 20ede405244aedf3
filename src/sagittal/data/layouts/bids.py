"""BIDS: sub-01/ses-1/anat/sub-01_ses-1_T1w, with what was drawn among the derivatives."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._codes import classes_of_masks
from sagittal.data.layouts._files import VOLUMES, stem_of
from sagittal.data.layouts._found import Found, plural, with_positive
from sagittal.data.layouts._subjects import MASK, Chosen, Subject, chosen, locators, mapped, subjects_of, told
from sagittal.errors import UsageError, nearest

_SUB = re.compile(r"(?:^|/)(sub-[A-Za-z0-9]+)(?:/|_)")
_SES = re.compile(r"(?:^|[/_])(ses-[A-Za-z0-9]+)(?:/|_)")
_DRAWN = ("dseg", "mask", "roi")
_STRUCTURE = "anat"
_KINDS = (_STRUCTURE, "dwi", "perf", "pet", "ct")
_MOST_META = 12


def bids(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    images: list[str] | None = None,
    annotation: str | None = None,
    classes: list[str] | None = None,
) -> Found | None:
    """Volumes as BIDS has them: ``sub-01/ses-1/anat/*_T1w``, drawings in ``derivatives/*/sub-01`` (``*_dseg``, ``*_label-lesion_mask``).

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default ``sub-XX`` is the patient.
        positive: The class that a score of one class speaks of.
        images: Which images, in order: ``T1w``, ``FLAIR`` ...; by default all in ``anat`` that nearly every session has. Where
            nobody has that folder, those of the others.
        annotation: Which drawing, where there are several: its derivative, such as ``manual``, or its name, such as
            ``manual/label-lesion_mask``; ``none``.
        classes: Names of the numbers in the drawings, the background first.

    Returns:
        None when no file lies in a folder of a subject as BIDS wants it.

    Raises:
        UsageError: Several drawings, and none named; a name that does not exist.
    """
    names = locators(root, VOLUMES)
    raw = [n for n in names if not n.startswith("derivatives/") and _SUB.search(n) and any(f"/{k}/" in n for k in _KINDS)]
    if not raw:
        return None
    drawn, kind = _drawings(names, annotation)
    shown = [(n, n.rpartition("_")[2]) for n in raw if _ending(n) not in _DRAWN]
    parts = [(_subject(n), stem_of(end), n) for n, end in sorted(shown, key=lambda s: ("_run-" in s[0] or "_acq-" in s[0], s[0]))]
    subjects = subjects_of([*parts, *((_subject(n), MASK, n) for n in drawn)])
    there = {role for s in subjects for role in s.parts} - {MASK}
    unknown = [i for i in images or () if i not in there]
    if unknown:
        raise UsageError("UNKNOWN_FILE", f"data.images={unknown[0]}", "no session has it", nearest(unknown[0], there))
    picked = chosen(subjects, channels=images or (), among=_roles_in(_STRUCTURE, parts) or there)
    if picked is None:
        return None
    further = [role for s in picked.subjects for role in s.twice if role in picked.channels]
    meta = _participants(root)
    people = tuple(replace(s, meta=meta.get(s.group, {})) for s in picked.subjects)
    notes = (*picked.notes, *([f"{plural(len(further), 'further run')} not used"] if further else []))
    picked = replace(picked, subjects=people, notes=notes)
    labels, note = _labels(root, picked, classes, positive)
    head = f"BIDS: {plural(len(people), 'session')}, channels {', '.join(picked.channels)}"
    head += f", {kind}: {note}{mapped(labels)}" if picked.drawn else ", nothing drawn"
    return told("bids", root, picked, labels, head, group=group, rule="sub-XX")


def _subject(name: str) -> Subject:
    sub, ses = _SUB.search(name), _SES.search(name)
    person = sub[1] if sub else ""
    return Subject(id=f"{person}/{ses[1]}" if ses else person, group=person)


def _roles_in(kind: str, parts: Sequence[tuple[Subject, str, str]]) -> set[str]:
    """What there is in folders of one kind: series of diffusion and perfusion hold many volumes, and are no channels of an image."""
    return {role for _, role, name in parts if f"/{kind}/" in name}


def _ending(name: str) -> str:
    return stem_of(name).rpartition("_")[2]


def _drawings(names: Sequence[str], annotation: str | None) -> tuple[list[str], str]:
    """The files of one kind of drawing, and its name: that of the derivative with the BIDS name without its subject."""
    found: dict[str, list[str]] = {}
    for name in names:
        if _SUB.search(name) and _ending(name) in _DRAWN and annotation != "none":
            pipeline = name.split("/")[1] if name.startswith("derivatives/") and name.count("/") > 1 else ""
            found.setdefault("/".join(filter(None, [pipeline if not pipeline.startswith("sub-") else "", _what(name)])), []).append(name)
    if annotation is not None and annotation != "none":
        found = {k: v for k, v in found.items() if annotation in {k, k.partition("/")[0], k.rpartition("/")[2]}}
        if not found:
            raise UsageError("UNKNOWN_FILE", f"data.annotation={annotation}", "there is no such drawing", "see the folder derivatives")
    # A segmentation of everything says more than the mask of one thing; a brain mask says only where the head is.
    useful = {k: v for k, v in found.items() if "brain_mask" not in k} or found
    best = {k: v for k, v in useful.items() if k.endswith("dseg")} or useful
    if len(best) > 1:
        what = f"several things could be what was drawn: {', '.join(sorted(best))}"
        raise UsageError("AMBIGUOUS_MASK", "data.annotation", what, "say which with data.annotation=NAME")
    return next(((v, k) for k, v in best.items()), ([], ""))


def _what(name: str) -> str:
    """The label, description and suffix of a drawing's name: ``label-lesion_mask``."""
    parts = stem_of(name.rpartition("/")[2]).split("_")
    return "_".join([p for p in parts[:-1] if p.startswith(("label-", "desc-"))] + parts[-1:])


def _labels(root: Path, picked: Chosen, classes: list[str] | None, positive: str | None) -> tuple[Labels, str]:
    if not picked.drawn:
        return Labels(classes=()), ""
    masks = [root / s.parts[MASK] for s in picked.subjects]
    table = _lookup(root, masks)
    drawn = classes_of_masks(masks, classes=classes, objects=False, root=root, known=table)
    return with_positive(drawn.labels, positive), drawn.note


def _lookup(root: Path, masks: Sequence[Path]) -> dict[int, str]:
    """Names of numbers in a ``*_dseg.tsv`` (columns ``index`` and ``name``) beside the drawings or above them."""
    folders = [p for p in masks[0].parents if p == root or root in p.parents]
    for folder in folders:
        for file in sorted(folder.glob("*dseg.tsv")):
            rows = _rows(file)
            pairs = {int(r["index"]): r["name"] for r in rows if r.get("index", "").isdigit() and r.get("name")}
            if pairs:
                return pairs
    return {}


def _participants(root: Path) -> dict[str, dict[str, str]]:
    """Age, sex and the like of each subject, from ``participants.tsv``."""
    rows = _rows(root / "participants.tsv")
    columns = [c for c, _ in Counter(k for r in rows for k, v in r.items() if v and v != "n/a").most_common(_MOST_META)]
    kept = [c for c in columns if c != "participant_id"]
    return {r["participant_id"]: {c: r[c] for c in kept if r.get(c) not in {None, "", "n/a"}} for r in rows if r.get("participant_id")}


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            return [{k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(text, delimiter="\t")]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
