"""A folder a subject with its image, and in it a folder with a mask a class, as the data set of TotalSegmentator has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._files import VOLUMES, split_of, stem_of
from sagittal.data.layouts._found import Found, plural, with_positive
from sagittal.data.layouts._roles import is_mask_name, is_role_folder
from sagittal.data.layouts._subjects import MASK, Subject, chosen, locators, subjects_of, told
from sagittal.errors import UsageError, nearest

_LEAST_MASKS = 2
_LEAST_SHARE = 0.5
_MOST_NAMED = 8


def mask_folders(
    root: Path, *, group: str | None = None, positive: str | None = None, classes: list[str] | None = None, images: list[str] | None = None
) -> Found | None:
    """Volumes as TotalSegmentator has them: ``s0001/ct.nii.gz`` with ``s0001/segmentations/liver.nii.gz``, a file a class.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default each folder is a patient.
        positive: The class that a score of one class speaks of.
        classes: The masks that are wanted; by default all that half of the subjects have. Where masks overlap the later lies on top.
        images: The names of the images to use, in order, where a folder has several.

    Returns:
        None when there is no folder of masks below one of a subject.

    Raises:
        UsageError: A class that nobody drew, or an image that does not exist.
    """
    names = locators(root, VOLUMES)
    masks: dict[str, set[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        if "/" in folder and _holds_masks(folder.rpartition("/")[2]):
            masks.setdefault(folder, set()).add(stem_of(file))
    masks = {folder: found for folder, found in masks.items() if len(found) >= _LEAST_MASKS}
    owners = {folder.rpartition("/")[0]: folder for folder in masks}
    shown = [(n.rpartition("/")[0], stem_of(n.rpartition("/")[2]), n) for n in names if n.rpartition("/")[0] in owners]
    if not shown or len(shown) > len(owners) * _MOST_NAMED:
        return None
    wanted = _classes(masks, classes)
    drawn = [(folder, MASK, owners[folder]) for folder in owners if masks[owners[folder]] & set(wanted)]
    subjects = subjects_of((_subject(folder), role, name) for folder, role, name in (*shown, *drawn))
    there = {role for s in subjects for role in s.parts} - {MASK}
    unknown = [i for i in images or () if i not in there]
    if unknown:
        raise UsageError("UNKNOWN_FILE", f"data.images={unknown[0]}", "no subject has it", nearest(unknown[0], there))
    picked = chosen(subjects, channels=images or ())
    if picked is None:
        return None
    labels = with_positive(Labels(classes=("background", *wanted), background="background"), positive)
    listed = f"{', '.join(wanted[:_MOST_NAMED])}{', ...' if len(wanted) > _MOST_NAMED else ''}"
    head = f"a folder of masks a subject: {plural(len(picked.subjects), 'volume')}, {plural(len(wanted), 'class')} ({listed})"
    return told("mask_folders", root, picked, labels, head, group=group, rule="folder")


def _holds_masks(folder: str) -> bool:
    return is_role_folder(folder) and is_mask_name(folder)


def _classes(masks: Mapping[str, set[str]], asked: list[str] | None) -> list[str]:
    """The classes in order: those that are asked for, else those of half of the subjects."""
    counts = Counter(name for found in masks.values() for name in found)
    if asked is None:
        return sorted(name for name, n in counts.items() if n >= _LEAST_SHARE * len(masks))
    unknown = [c for c in asked if c not in counts and c != "background"]
    if unknown:
        raise UsageError("UNKNOWN_CLASS", f"data.classes={unknown[0]}", "no mask is called so", nearest(unknown[0], counts))
    return [c for c in asked if c != "background"]


def _subject(folder: str) -> Subject:
    parts = folder.split("/")
    return Subject(id=folder, group=parts[-1], split=next(filter(None, map(split_of, parts[:-1])), ""))
