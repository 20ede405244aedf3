"""Brains of the Internet Brain Segmentation Repository: IBSR_01 ... IBSR_18 with CSF, GM and WM."""

from __future__ import annotations

import re
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._codes import numbers_in
from sagittal.data.layouts._files import VOLUMES, split_of, stem_of
from sagittal.data.layouts._found import Found, plural
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, subjects_of, told

_TISSUES = ("background", "CSF", "GM", "WM")
# The best first: skull-stripped images, and label maps of the three tissues whose ventricles are filled.
_IMAGES = ("", "_ana_strip", "_ana")
_MASKS = ("_seg", "_segtri_fill_ana", "_segtri_ana", "_seg_ana")
_NAME = re.compile(r"(?i)^(IBSR_\d{2})((?:_[a-z]+)*)$")


def ibsr(root: Path, *, group: str | None = None, classes: list[str] | None = None) -> Found | None:
    """T1 brains as IBSR has them: ``IBSR_07/IBSR_07.nii.gz`` with ``IBSR_07_seg.nii.gz``: background, CSF, GM, WM.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default each brain is a patient.
        classes: Other names for the classes.

    Returns:
        None when no file is called so, or the label maps have other numbers.
    """
    found = [(m, name) for name in locators(root, VOLUMES) if (m := _NAME.match(stem_of(name.rpartition("/")[2])))]
    ends = {m[2].casefold() for m, _ in found}
    image, mask = (next((e for e in known if e in ends), None) for known in (_IMAGES, _MASKS))
    if image is None or mask is None:
        return None
    roles = {image: "T1", mask: MASK}
    picked = chosen(subjects_of((_subject(m[1], n), roles[m[2].casefold()], n) for m, n in found if m[2].casefold() in roles))
    if picked is None or not numbers_in([root / s.parts[MASK] for s in picked.subjects]) <= {0, 1, 2, 3}:
        return None
    names = classes or list(_TISSUES)
    labels = Labels(classes=tuple(names), background=names[0])
    head = f"IBSR: {plural(len(picked.subjects), 'T1 brain')} with tissues drawn, classes {', '.join(names)}"
    return told("ibsr", root, picked, labels, head, group=group, rule="IBSR number")


def _subject(person: str, name: str) -> Subject:
    folder = name.rpartition("/")[0]
    split = next(filter(None, map(split_of, folder.split("/"))), "")
    return Subject(id=f"{folder}/{person}".lstrip("/"), group=person.upper(), split=split)
