"""The Medical Segmentation Decathlon: dataset.json, imagesTr, labelsTr, 4-D files whose last axis are channels."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagittal.core import Labels
from sagittal.data.layouts._codes import numbers_in
from sagittal.data.layouts._dataset_json import NAME, channels_of, dataset_json, labels_of
from sagittal.data.layouts._files import VOLUMES, stem_of
from sagittal.data.layouts._found import Found, plural, with_positive
from sagittal.data.layouts._pairing import place
from sagittal.data.layouts._roles import is_role_folder
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, mapped, subjects_of, told
from sagittal.io.locator import join

# Antonelli et al., Nat. Commun. 13:4128 (2022): tasks whose files are called like nothing else.
_TASKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    r"hippocampus_\d{3}": ("Task04_Hippocampus", "MRI", ("background", "anterior", "posterior")),
    r"hepaticvessel_\d{3}": ("Task08_HepaticVessel", "CT", ("background", "vessel", "tumour")),
}


def decathlon(root: Path, *, group: str | None = None, positive: str | None = None, classes: list[str] | None = None) -> Found | None:
    """Volumes as the Decathlon has them: ``dataset.json`` with ``training``, ``labels``, ``modality``; 4-D files hold channels.

    Without its ``dataset.json`` the hippocampus and the hepatic vessels are known by their file names.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; the Decathlon names no patients.
        positive: The class that a score of one class speaks of.
        classes: Other names for the classes, the background first.

    Returns:
        None when there is neither such a file nor such names, or nnU-Net has split the channels into files.

    Raises:
        UsageError: Regions in the labels; fewer names than numbers.
    """
    record = dataset_json(root)
    if record is None:
        return _by_name(root, group, positive, classes)
    channels = channels_of(record)
    pairs = [p for p in record.get("training") or () if isinstance(p, dict) and {"image", "label"} <= set(p)]
    subjects = [_listed(root, pair, part="channels" if len(channels) > 1 else "") for pair in pairs]
    picked = chosen([s for s in subjects if s.parts])
    if not pairs or picked is None or not picked.drawn:
        return None
    labels = with_positive(labels_of(record, root / NAME, classes), positive)
    name = str(record.get("name") or root.name)
    head = f"Decathlon, {name}: {plural(len(picked.subjects), 'volume')} with a label map each"
    head += f", channels {', '.join(channels)}" if channels else ""
    head += f", classes {', '.join(labels.classes)}{mapped(labels)}"
    tests = [n for n in locators(root, VOLUMES) if n.startswith("imagesTs/")]
    notes = (*picked.notes, *([f"{plural(len(tests), 'test volume')} without labels left out"] if tests else []))
    lost = len(pairs) - sum(bool(s.parts) for s in subjects)
    notes = (*notes, *([f"{lost} of {len(pairs)} listed in {NAME} are not there"] if lost else []))
    provenance = {"channel_names": list(channels)} if channels else {}
    several = "channels" if len(channels) > 1 else ""
    bare = [Subject(id=stem_of(n), split="test", parts={picked.channels[0]: join(n, several)}) for n in tests]
    whole = replace(picked, notes=notes, bare=(*picked.bare, *bare))
    return told("decathlon", root, whole, labels, head, group=group, provenance=provenance)


def _listed(root: Path, pair: dict[str, Any], *, part: str) -> Subject:
    """A pair of the list, this part of its image; without parts where its files are not there."""
    image, label = (str(pair[k]).replace("\\", "/").removeprefix("./") for k in ("image", "label"))
    subject = Subject(id=stem_of(image), split="train")
    for role, name in (("image", image), (MASK, label)):
        # Some are delivered unzipped, and listed zipped.
        there = next((n for n in (name, name.removesuffix(".gz")) if (root / n).is_file() and ".." not in n.split("/")), None)
        if there is not None:
            # The fourth axis of a file without this list might as well be time.
            subject.add(role, join(there, part if role == "image" else ""))
    return subject


def _by_name(root: Path, group: str | None, positive: str | None, classes: list[str] | None) -> Found | None:
    """The sets whose files are called like nothing else."""
    names = locators(root, VOLUMES)
    for pattern, (task, modality, known) in _TASKS.items():
        mine = [n for n in names if re.fullmatch(pattern, stem_of(n.rpartition("/")[2])) and any(map(is_role_folder, n.split("/")[:-1]))]
        if not mine or len(mine) < 0.95 * len(names):
            continue
        picked = chosen(subjects_of((_subject(n), MASK if place(n).is_mask else modality, n) for n in mine), channels=(modality,))
        if picked is None or not picked.drawn or not numbers_in([root / s.parts[MASK] for s in picked.subjects]) <= set(range(len(known))):
            continue
        labels = with_positive(Labels(classes=tuple(classes or known), background=(classes or known)[0]), positive)
        head = f"files named as {task} of the Decathlon: {plural(len(picked.subjects), modality + ' volume')} with a label map each"
        head += f", classes {', '.join(labels.classes)}"
        return told("decathlon", root, picked, labels, head, group=group)
    return None


def _subject(name: str) -> Subject:
    found = place(name)
    return Subject(id=found.key, split=found.split)
