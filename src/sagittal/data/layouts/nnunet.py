"""nnU-Net's raw data: dataset.json, imagesTr/CASE_0000, labelsTr/CASE."""

from __future__ import annotations

import re
from pathlib import Path

from sagittal.data.layouts._dataset_json import NAME, channels_of, dataset_json, labels_of
from sagittal.data.layouts._files import PICTURES, VOLUMES, stem_of
from sagittal.data.layouts._found import Found, plural, with_positive
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, mapped, subjects_of, told

_CHANNEL = re.compile(r"^(.+)_(\d{4})$")
_SPLITS = {"imagesTr": "train", "labelsTr": "train", "imagesTs": "test", "labelsTs": "test"}


def nnunet(root: Path, *, group: str | None = None, positive: str | None = None, classes: list[str] | None = None) -> Found | None:
    """Images as nnU-Net has them: ``imagesTr/CASE_0000.nii.gz``, ``_0001`` ... are channels, ``labelsTr/CASE.nii.gz`` what was drawn.

    Cases of ``imagesTs`` are the test where ``labelsTs`` has their labels.

    Args:
        root: The folder with ``dataset.json``.
        group: See :func:`sagittal.data.layouts._groups.grouped`; nnU-Net names no patients.
        positive: The class that a score of one class speaks of.
        classes: Other names for the classes, the background first. Regions of several numbers, which overlap, need them: a name a number.

    Returns:
        None when there is no such ``dataset.json``, or no file with the number of a channel.

    Raises:
        UsageError: Regions in the labels, and no ``classes``.
    """
    record = dataset_json(root)
    if record is None:
        return None
    endings = (str(record["file_ending"]).casefold(),) if record.get("file_ending") else (*VOLUMES, *PICTURES)
    channels = channels_of(record)
    parts = [p for n in locators(root, endings) if (p := _part(n, channels)) is not None]
    if not any(role != MASK for _, role, _ in parts):
        return None
    wanted = channels or tuple(sorted({role for _, role, _ in parts if role != MASK}))
    picked = chosen(subjects_of(parts), channels=wanted)
    if picked is None or not picked.drawn:
        return None
    labels = with_positive(labels_of(record, root / NAME, classes), positive)
    name = str(record.get("name") or root.name)
    head = f"nnU-Net, {name}: {plural(len(picked.subjects), 'case')} with a label map each, channels {', '.join(wanted)}"
    head += f", classes {', '.join(labels.classes)}{mapped(labels)}"
    return told("nnunet", root, picked, labels, head, group=group)


def _part(name: str, channels: tuple[str, ...]) -> tuple[Subject, str, str] | None:
    """The case, the role and the locator of a file; None where it is neither channel nor label."""
    folder, _, last = name.rpartition("/")
    stem = stem_of(last)
    if folder not in _SPLITS:
        return None
    split = _SPLITS[folder]
    if folder.startswith("labels"):
        return Subject(id=f"{split}/{stem}", split=split), MASK, name
    match = _CHANNEL.match(stem)
    if match is None:
        return None
    number = int(match[2])
    return Subject(id=f"{split}/{match[1]}", split=split), channels[number] if number < len(channels) else f"c{number}", name
