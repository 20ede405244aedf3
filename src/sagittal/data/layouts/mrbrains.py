"""Brains of the MRBrainS challenges (2013 and 2018): a numbered folder a subject."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._codes import numbers_in
from sagittal.data.layouts._files import VOLUMES, split_of, stem_of
from sagittal.data.layouts._found import Found, plural
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, mapped, subjects_of, told
from sagittal.errors import UsageError

# Kuijf & Bennink, MRBrainS18 (mrbrains18.isi.uu.nl, "Details of the MRI data sets and reference standard").
_NINE = (
    "background", "cortical grey matter", "basal ganglia", "white matter", "white matter lesions",
    "cerebrospinal fluid", "ventricles", "cerebellum", "brainstem",
)  # fmt: skip
_IGNORED = (9, 10)  # infarction and other: the challenge does not score them
_FOUR = {"background": (0,), "CSF": (5, 6), "GM": (1, 2), "WM": (3, 4)}
_HIND = (7, 8)  # cerebellum and brainstem are none of the three tissues
_PARTS: tuple[Mapping[str, str], ...] = (
    {"pre/flair": "FLAIR", "pre/t1": "T1", "pre/reg_t1": "T1", "pre/ir": "IR", "pre/reg_ir": "IR", "segm": MASK},
    {"t2_flair": "FLAIR", "t1": "T1", "t1_ir": "IR", "labelsfortraining": MASK},
    {"t2_flair": "FLAIR", "t1": "T1", "t1_ir": "IR", "labelsfortesting": MASK},
)


def mrbrains(root: Path, *, group: str | None = None, classes: int | list[str] | None = None) -> Found | None:
    """Brains as MRBrainS has them: ``1/pre/FLAIR``, ``1/pre/T1``, ``1/segm`` (2018), or ``1/T2_FLAIR``, ``1/LabelsForTraining`` (2013).

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default each folder is a patient.
        classes: 9 (the default where the files have them) or 4: background, CSF, GM, WM, where cerebellum, brainstem and
            what the challenge does not score are left out of learning and scoring.

    Returns:
        None when no subject has FLAIR and T1 and a label map.

    Raises:
        UsageError: Another number of classes.
    """
    if isinstance(classes, list):  # names of classes are an option of other layouts
        return None
    if classes not in {None, 4, 9}:
        raise UsageError("UNKNOWN_OPTION", f"data.classes={classes}", "MRBrainS has 4 or 9 classes", "choose one of them")
    names = locators(root, VOLUMES)
    for roles in _PARTS:
        found = [(place, role, name) for name in names for place, role in [_placed(name, roles)] if role]
        subjects = [
            s for s in subjects_of((_subject(place), role, name) for place, role, name in sorted(found, key=_registered)) if MASK in s.parts
        ]
        wanted = tuple(c for c in ("FLAIR", "T1", "IR") if subjects and all(c in s.parts for s in subjects))
        picked = chosen(subjects, channels=wanted) if {"FLAIR", "T1"} <= set(wanted) else None
        if picked is not None:
            seen = numbers_in([root / s.parts[MASK] for s in picked.subjects])
            labels = _labels(seen, classes)
            head = f"MRBrainS: {plural(len(picked.subjects), 'subject')}, channels {', '.join(wanted)}"
            head += f", {len(labels)} classes: {', '.join(labels.classes)}{mapped(labels)}"
            return told("mrbrains", root, picked, labels, head, group=group, rule="folder")
    return None


def _placed(name: str, roles: Mapping[str, str]) -> tuple[str, str]:
    """The subject's folder and the role of a file."""
    folder, _, last = name.rpartition("/")
    part = stem_of(last).casefold()
    if folder.endswith("/pre") or folder == "pre":
        folder, part = folder.removesuffix("pre").rstrip("/"), f"pre/{part}"
    return folder, roles.get(part, "") if folder.rpartition("/")[2].isdigit() else ""


def _registered(found: tuple[str, str, str]) -> bool:
    """Registered images come first: FLAIR's grid is that of the labels."""
    return "reg_" not in found[2]


def _subject(folder: str) -> Subject:
    split = next(filter(None, map(split_of, folder.split("/"))), "")
    return Subject(id=folder, group=folder.rpartition("/")[2], split=split)


def _labels(seen: set[int], classes: int | None) -> Labels:
    if seen <= {0, 1, 2, 3}:
        # the second label map of 2013 has the three tissues already
        return Labels(classes=("background", "CSF", "GM", "WM"), background="background")
    if classes == 4:
        codes = {name: numbers[0] for name, numbers in _FOUR.items()}
        also = {name: numbers[1:] for name, numbers in _FOUR.items() if numbers[1:]}
        return Labels(classes=tuple(_FOUR), background="background", codes=codes, also=also, ignored=(*_HIND, *_IGNORED))
    return Labels(classes=_NINE, background="background", ignored=tuple(n for n in _IGNORED if n in seen))
