"""A folder a class, with or without folders for train, val and test above or below them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sagittal.core import Case
from sagittal.data.layouts._files import PICTURES, VOLUMES, ids_of, split_of
from sagittal.data.layouts._found import Found, found, labels_for, plural
from sagittal.data.layouts._groups import grouped, looks_like_person
from sagittal.data.layouts._images import images, noun_of
from sagittal.data.layouts._pairing import channels_together, paired
from sagittal.data.layouts._roles import is_mask_name, is_role_folder
from sagittal.data.manifest import Manifest, classes_of, relative

# So few stray pictures beside the class folders are an overview or a logo, not data.
_MOST_STRAY = 0.1
# More of them are still no reason to forget the classes, while most pictures have one.
_MOST_LOOSE = 0.5
_LEAST_IN_SPLITS = 0.5
# A large set comes in parcels: ``images_001``, ``HAM10000_images_part_2``
_PARCEL = re.compile(r"(?i)(?:^|[^a-z])(?:images?|imgs?|pictures?|photos?|part|batch|chunk|shard|parcel|fold|zip)s?[-_ ]*\d+$")


def class_folders(root: Path, *, group: str | None = None, positive: str | None = None) -> Found | None:
    """Pictures (or volumes) in a folder a class; folders inside a class folder belong to it.

    Folders for splits may have any usual name (``Training``, ``valid``, ``test_set`` ...) and stand above or
    below the class folders. Folders that only wrap others are passed through. Hidden files do not count. Pictures beside the
    class folders, in the folder itself, are left out and listed, while they are fewer than those with a class.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`.
        positive: The class that a sensitivity speaks of.

    Returns:
        None when there are no two classes, or when the folders are patients or parts of cases.
    """
    if not root.is_dir():
        return None
    files = [(p, p.relative_to(root).parts[:-1]) for p in without_masks(images(root, (*PICTURES, *VOLUMES)), root)]
    placed = _place(files)
    classes = classes_of(p.label for p in placed)
    kept = {p.path for p in placed}
    outside = [p for p, _ in files if p not in kept]
    stray = len(outside)
    above = any(p.split for p in placed)
    loose = not above and all(p.parent == root for p in outside)
    most = _LEAST_IN_SPLITS if above else _MOST_LOOSE if loose else _MOST_STRAY
    locators = [relative(p.path, root) for p in placed]
    if len(classes) < 2 or stray > most * len(files) or _are_no_classes(classes) or _are_cases(locators, len(classes)):
        return None
    cases = [
        Case(id=name, split=p.split, images={"image": locator}, label=p.label)
        for name, locator, p in zip(ids_of(locators), locators, placed, strict=True)
    ]
    told = grouped(cases, group)
    manifest = Manifest(
        cases=told.cases,
        labels=labels_for(classes, positive=positive),
        root=root,
        provenance={"said": "label", "group_rule": told.rule, **({"stray": [relative(p, root) for p in outside]} if stray else {})},
    )
    named, noun = "/".join(manifest.splits), noun_of([p.path for p in placed], "picture")
    sentence = f"class folders {f'with {named}' if named else 'without splits'}: {plural(len(classes), 'class')} ({', '.join(classes[:8])}"
    sentence += f"{', ...' if len(classes) > 8 else ''}), {plural(len(cases), noun)}, {told.clause}"
    if stray:
        sentence += f"; {plural(stray, noun)} outside the class folders left out"
    return replace(found("class_folders", manifest, sentence), torn=loose and stray > _MOST_STRAY * len(files))


def without_masks(files: Sequence[Path], root: Path) -> Sequence[Path]:
    """The files without those that are masks of others: ``x_mask.png`` beside ``x.png``."""
    pairs, _, _ = paired(relative(p, root) for p in files)
    masks = {pair.mask.locator for pair in pairs}
    return [p for p in files if relative(p, root) not in masks] if len(masks) >= 2 else files


@dataclass(frozen=True, slots=True)
class _Placed:
    path: Path
    split: str
    label: str


def _place(files: Sequence[tuple[Path, tuple[str, ...]]]) -> list[_Placed]:
    """Each file with the split and class that its folders tell; files of which they tell no class are left out."""
    splits, rest = _without_splits(files)
    # Wrappers are taken off a split at a time: train/images/CNV beside test/CNV.
    inside: dict[str, list[int]] = {}
    for index, split in enumerate(splits):
        inside.setdefault(split, []).append(index)
    depth = {split: _depth([rest[i] for i in members]) for split, members in inside.items()}
    deepest = {
        split: {rest[i][d] for i in members if len(rest[i]) > d} for (split, members), d in zip(inside.items(), depth.values(), strict=True)
    }
    depth = {split: _not_past_the_class(split, [rest[i] for i in inside[split]], d, deepest) for split, d in depth.items()}
    return [
        _Placed(path, split, parts[depth[split]].strip())
        for (path, _), split, parts in zip(files, splits, rest, strict=True)
        if len(parts) > depth[split]
    ]


def _without_splits(files: Sequence[tuple[Path, tuple[str, ...]]]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The split of each file, and its folders without the one that told it.

    A level of folders is the level of splits when nearly all files have a folder named after a split there;
    a folder called ``training`` may also wrap the folders ``train`` and ``val``, so most splits win.
    """
    best: tuple[int, int, list[str]] | None = None
    for level in range(min(max((len(parts) for _, parts in files), default=0), 5)):
        named = [split_of(parts[level]) if len(parts) > level else "" for _, parts in files]
        distinct, share = len(set(named) - {""}), sum(map(bool, named)) / len(files)
        if (share >= 1 - _MOST_STRAY or (distinct > 1 and share >= _LEAST_IN_SPLITS)) and (best is None or distinct > best[0]):
            best = (distinct, level, named)
    if best is None:
        return ["" for _ in files], [parts for _, parts in files]
    _, level, named = best
    rest = [(*parts[:level], *parts[level + 1 :]) if s else () for s, (_, parts) in zip(named, files, strict=True)]
    return named, rest


def _depth(folders: Sequence[tuple[str, ...]]) -> int:
    """How many levels only wrap: the first level at which files part into several folders."""
    depth = 0
    while True:
        here = Counter(parts[depth] for parts in folders if len(parts) > depth)
        if not here or sum(here.values()) < (1 - _MOST_STRAY) * len(folders):
            return max(0, depth - 1) if depth else 0
        if len(here) > 1:
            return depth
        depth += 1


def _not_past_the_class(split: str, folders: Sequence[tuple[str, ...]], depth: int, seen: dict[str, set[str]]) -> int:
    """The level at which a split with one class only has that class, told by the classes of the others."""
    others = {name for other, names in seen.items() if other != split for name in names}
    for level in range(depth + 1):
        here = {parts[level] for parts in folders if len(parts) > level}
        if here and here <= others:
            return level
    return depth


def _are_cases(locators: Sequence[str], folders: int) -> bool:
    """Whether each folder holds nothing but the sequences of one case: its T1, T2 ..."""
    return len(channels_together(locators)) == folders


def _are_no_classes(names: Sequence[str]) -> bool:
    """Whether the folders are people, parcels of one set, or parts of cases such as images and masks."""
    roles = [is_role_folder(name) for name in names]
    if all(roles) or (sum(roles) >= 2 and any(is_mask_name(n) for n, r in zip(names, roles, strict=True) if r)):
        return True
    if len({re.sub(r"\d+", "", name) for name in names}) == 1 and _PARCEL.search(names[0]):
        return True
    people = sum(looks_like_person(name) for name in names)
    return people >= 0.8 * len(names) or (len(names) > 50 and all(n.isdigit() for n in names))
