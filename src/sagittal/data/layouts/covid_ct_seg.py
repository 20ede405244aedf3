"""The 20 COVID-19 CT volumes with lungs and infections drawn (COVID-19-CT-Seg)."""

from __future__ import annotations

import re
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._files import VOLUMES, stem_of
from sagittal.data.layouts._found import Found, plural
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, mapped, subjects_of, told
from sagittal.errors import UsageError, nearest

# Ma et al., zenodo.3757476: 1 left lung, 2 right lung, 3 infection; the masks of one thing number it 1 (lungs: 1 and 2).
_CLASSES = {
    "lung_and_infection": ("background", "left lung", "right lung", "infection"),
    "infection": ("background", "infection"),
    "lung": ("background", "left lung", "right lung"),
}
_FOLDERS = {"lung_and_infection_mask": "lung_and_infection", "infection_mask": "infection", "lung_mask": "lung"}
_IMAGES = {"ct_scans", "covid-19-ct-seg_20cases"}
_NAME = re.compile(r"(?i)^(?:coronacases|radiopaedia)_")


def covid_ct_seg(root: Path, *, group: str | None = None, annotation: str | None = None) -> Found | None:
    """Chest CT as COVID-19-CT-Seg has it: ``ct_scans/`` beside ``lung_and_infection_mask/``, ``infection_mask/``, ``lung_mask/``.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default each volume is a patient.
        annotation: ``lung_and_infection`` (the default where it is there), ``infection`` or ``lung``.

    Returns:
        None when there is no such folder of images with one of masks.

    Raises:
        UsageError: A mask that is not there.
    """
    names = [n for n in locators(root, VOLUMES) if "/" in n and _NAME.match(n.rpartition("/")[2])]
    kinds = {_FOLDERS[f] for n in names if (f := _folder(n)) in _FOLDERS}
    if not kinds or not any(_folder(n) in _IMAGES for n in names):
        return None
    if annotation is not None and annotation not in kinds:
        raise UsageError("UNKNOWN_FILE", f"data.annotation={annotation}", "there is no folder of such masks", nearest(annotation, kinds))
    kind = annotation or next(k for k in _CLASSES if k in kinds)
    parts = [(n, "CT" if _folder(n) in _IMAGES else MASK) for n in names if _folder(n) in _IMAGES or _FOLDERS.get(_folder(n)) == kind]
    picked = chosen(subjects_of((Subject(id=_key(n), group=_key(n)), role, n) for n, role in parts), channels=("CT",))
    if picked is None:
        return None
    labels = Labels(classes=_CLASSES[kind], background="background")
    head = f"COVID-19-CT-Seg: {plural(len(picked.subjects), 'chest CT')}, mask {kind} ({', '.join(labels.classes)}){mapped(labels)}"
    return told("covid_ct_seg", root, picked, labels, head, group=group, rule="file name")


def _folder(name: str) -> str:
    return name.rsplit("/", 2)[-2].casefold()


def _key(name: str) -> str:
    """What an image and its mask share: ``radiopaedia_org_covid-19-pneumonia-4_85506_1-dcm`` is ``radiopaedia_4_85506_1``.

    >>> _key("ct_scans/coronacases_org_001.nii"), _key("x/radiopaedia_org_covid-19-pneumonia-4_85506_1-dcm.nii")
    ('coronacases_001', 'radiopaedia_4_85506_1')
    """
    return re.sub(r"_org(?=_)|covid-19-pneumonia-|-dcm$", "", stem_of(name.rpartition("/")[2]).casefold())
