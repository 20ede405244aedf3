"""Infant brains of the iSeg-2017 and iSeg-2019 challenges: subject-1-T1, subject-1-T2, subject-1-label."""

from __future__ import annotations

import re
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.finding import some
from sagittal.data.layouts._codes import numbers_in
from sagittal.data.layouts._files import VOLUMES, natural, split_of, stem_of
from sagittal.data.layouts._found import Found, plural
from sagittal.data.layouts._subjects import MASK, Chosen, Subject, chosen, locators, mapped, subjects_of, told
from sagittal.errors import UsageError

# Wang et al., Benchmark on automatic six-month-old infant brain segmentation, IEEE TMI 38 (2019) 2219.
_CODES = {"background": 0, "CSF": 10, "GM": 150, "WM": 250}
_RENUMBERED = {0, 1, 2, 3}
_NAME = re.compile(r"(?i)^subject[-_](\d+)[-_](T1|T2|label)$")
_ROLE = {"t1": "T1", "t2": "T2", "label": MASK}


def iseg(root: Path, *, group: str | None = None, classes: list[str] | None = None) -> Found | None:
    """Infant brains of iSeg-2017 and 2019: ``subject-1-T1``, ``-T2``, ``-label``, numbers 0, 10, 150, 250.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default each subject is a patient.
        classes: Other names for background, CSF, GM and WM.

    Returns:
        None when no subject has both T1 and T2.

    Raises:
        UsageError: The label maps have other numbers, so that what they mean is not known; or there are not four names.
    """
    found = [(m, name) for name in locators(root, VOLUMES) if (m := _NAME.match(stem_of(name.rpartition("/")[2])))]
    subjects = subjects_of((_subject(m[1], name), _ROLE[m[2].casefold()], name) for m, name in found)
    picked = chosen(subjects, channels=("T1", "T2"))
    if picked is None:
        return None
    labels = _labels(root, picked, classes)
    head = f"iSeg: {plural(len(picked.subjects), 'subject')}, channels T1, T2"
    head += f", classes {', '.join(labels.classes)}{mapped(labels)}" if picked.drawn else ", without labels"
    return told("iseg", root, picked, labels, head, group=group, rule="subject number")


def _subject(number: str, name: str) -> Subject:
    folder = name.rpartition("/")[0]
    split = next(filter(None, map(split_of, folder.split("/"))), "")
    return Subject(id=f"{folder}/subject-{number}".lstrip("/"), group=f"subject-{number}", split=split)


def _labels(root: Path, picked: Chosen, classes: list[str] | None) -> Labels:
    """Classes by the published numbers; where somebody has renumbered them 0 to 3, by those.

    Raises:
        UsageError: Other numbers, or not four names.
    """
    if not picked.drawn:
        return Labels(classes=())
    names = classes or list(_CODES)
    if len(names) != len(_CODES):
        raise UsageError("CLASS_NAMES", "data.classes", f"iSeg has {len(_CODES)} classes, and there are {len(names)} names", "name four")
    seen = numbers_in([root / s.parts[MASK] for s in sorted(picked.subjects, key=lambda s: natural(s.id))])
    known = _RENUMBERED if seen <= _RENUMBERED else set(_CODES.values())
    if seen - known:
        what = f"label maps hold {some([str(n) for n in sorted(seen - known)])}, and iSeg has {', '.join(map(str, _CODES.values()))}"
        remedy = "write the label maps anew, or name what their numbers mean: --layout subject_folders --set data.classes=[...]"
        raise UsageError("LABEL_VALUES", "data.layout=iseg", what, remedy)
    codes = {} if known == _RENUMBERED else dict(zip(names, _CODES.values(), strict=True))
    return Labels(classes=tuple(names), background=names[0], codes=codes)
