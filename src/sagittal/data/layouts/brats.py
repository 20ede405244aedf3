"""Brain tumours of the BraTS challenges: a folder a subject with its sequences and one label map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._files import VOLUMES, split_of, stem_of
from sagittal.data.layouts._found import Found, plural
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, mapped, subjects_of, told


@dataclass(frozen=True, kw_only=True, slots=True)
class _Year:
    """How the files of some years are called, what their numbers mean, and whether they are called so without a label map, too."""

    name: str
    part: re.Pattern[str]
    roles: Mapping[str, str]
    codes: Mapping[str, int]
    least: int
    telling: bool
    person: re.Pattern[str]


_FOLDER = re.compile(r"(.+)")
_YEARS = (
    # Menze et al., IEEE TMI 34 (2015): 3 is the tumour that does not enhance; since 2017 it is part of 1 and has no number.
    _Year(
        name="BraTS 2018 to 2021",
        # of 2020's number 355 the label map is called otherwise: W39_1998.09.19_Segm
        part=re.compile(r"(?i)^(?:brats|W39).*_(flair|t1|t1ce|t2|segm?)$"),
        roles={"flair": "flair", "t1": "t1", "t1ce": "t1ce", "t2": "t2", "seg": MASK, "segm": MASK},
        codes={"background": 0, "necrotic core": 1, "edema": 2, "enhancing tumour": 4},
        least=4,
        telling=True,
        person=_FOLDER,
    ),
    _Year(
        name="BraTS 2023",
        part=re.compile(r"(?i)^brats.*-(t1n|t1c|t2w|t2f|seg)$"),
        roles={"t1n": "t1n", "t1c": "t1c", "t2w": "t2w", "t2f": "t2f", "seg": MASK},
        codes={"background": 0, "necrotic core": 1, "edema": 2, "enhancing tumour": 3},
        least=4,
        telling=True,
        # the last number counts the scans of one patient
        person=re.compile(r"^(.+?)(?:-\d{3})?$"),
    ),
    _Year(
        name="BraTS 2015",
        part=re.compile(r"(?i)^(?:VSD\.Brain\..*_)?(flair|t1c|t1|t2|otmulticlass|more|ot)(?:[._].*)?$"),
        roles={"flair": "flair", "t1c": "t1c", "t1": "t1", "t2": "t2", "otmulticlass": MASK, "ot": MASK},
        codes={"background": 0, "necrosis": 1, "edema": 2, "non-enhancing tumour": 3, "enhancing tumour": 4},
        least=2,
        telling=False,
        # brats_2013_pat0005_1: the last number counts the scans of one patient
        person=re.compile(r"^(.*?pat\w*?\d+)(?:_\d+)?$|^(.+)$"),
    ),
)


def brats(root: Path, *, group: str | None = None, classes: list[str] | None = None) -> Found | None:
    """Brain tumours as BraTS has them: ``X_flair``, ``X_t1``, ``X_t1ce``, ``X_t2``, ``X_seg`` (2018 to 2021; 2015, 2023 too).

    Number 4 of the years 2018 to 2021 becomes class 3, and is written as 4 again.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default the subject's folder tells the patient.
        classes: Other names for the classes, the background first.

    Returns:
        None when no subject has all sequences.
    """
    names = locators(root, VOLUMES)
    for year in _YEARS:
        found = [(m[1].casefold(), n) for n in names if (m := year.part.match(stem_of(n.rpartition("/")[2]))) and "/" in n]
        roles = [(_subject(n, year), year.roles[role], n) for role, n in found if role in year.roles]
        subjects = [s for s in subjects_of(roles) if len(s.parts.keys() - {MASK}) >= min(2, year.least)]
        present = {role for s in subjects for role in s.parts}
        known = len(present - {MASK}) >= year.least and (MASK in present or year.telling)
        picked = chosen(subjects) if known else None
        if picked is not None:
            told_names = classes or list(year.codes)
            codes = dict(zip(told_names, year.codes.values(), strict=False))
            plain = list(codes.values()) == list(range(len(codes)))
            drawn = Labels(classes=tuple(told_names), background=told_names[0], codes={} if plain else codes)
            labels = drawn if picked.drawn else Labels(classes=())
            head = f"{year.name}: {plural(len(picked.subjects), 'scan')}, channels {', '.join(picked.channels)}"
            head += f", classes {', '.join(labels.classes)}{mapped(labels)}" if picked.drawn else ", without labels"
            return told("brats", root, picked, labels, head, group=group, rule="folder")
    return None


def _subject(name: str, year: _Year) -> Subject:
    folders = name.split("/")[:-1]
    # raw files of 2015 lie in a folder each, below the subject's
    own = folders[:-1] if folders[-1].startswith("VSD.Brain") and len(folders) > 1 else folders
    match = year.person.match(own[-1])
    person = next((g for g in match.groups() if g), own[-1]) if match else own[-1]
    split = next(filter(None, (split_of(f) for f in own[:-1])), "")
    grade = next((f for f in own[:-1] if f in {"HGG", "LGG"}), "")
    return Subject(id="/".join(own), group=person, split=split, meta={"grade": grade} if grade else {})
