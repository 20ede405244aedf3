"""Which drawing belongs to which image: told by folders and names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sagittal.data.layouts._files import split_of, stem_of
from sagittal.data.layouts._roles import is_image_name, is_mask_name, is_role_folder


@dataclass(frozen=True, slots=True)
class Placed:
    """A file as part of a case: the same key holds them together."""

    locator: str
    key: str
    is_mask: bool
    split: str


def place(locator: str) -> Placed:
    """The case that a file belongs to, and whether it is what was drawn.

    Folders and words of the name that tell the role do not count: ``images/a.png`` and ``masks/a_mask.png`` are one
    case, and so are ``image_3.nii.gz`` and ``label_3.nii.gz``.

    >>> place("train/images/a.png").key == place("train/masks/a_mask.png").key
    True
    >>> place("IBSR_07/IBSR_07_seg.nii.gz").is_mask, place("image_3.nii.gz").key == place("label_3.nii.gz").key
    (True, True)
    """
    *folders, name = locator.split("/")
    stem = stem_of(name)
    roles = [f for f in folders if is_role_folder(f)]
    drawn = is_mask_name(roles[-1]) if roles else is_mask_name(stem)
    split = next(filter(None, map(split_of, folders)), "")
    kept = [f for f in folders if f not in roles]
    return Placed(locator, "/".join([*kept, _bare(stem)]), drawn, split)


def _bare(stem: str) -> str:
    """A stem without the words that tell the role; the whole stem where nothing else is left.

    >>> _bare("a_mask"), _bare("label_3"), _bare("testA_19_anno"), _bare("masked")
    ('a', '3', 'testa_19', 'masked')
    """
    parts = [p for p in re.split(r"[\s_\-.]+", stem) if p]
    rest = [p for p in parts if not (is_mask_name(p) or is_image_name(p)) or any(c.isdigit() for c in p)]
    return "_".join(rest or parts).casefold()


def paired(locators: Iterable[str]) -> tuple[list[tuple[Placed, Placed]], list[Placed], list[Placed]]:
    """Images with what was drawn on them, images without, and drawings without an image.

    A key that has several images or several drawings is not paired: it does not tell which belongs to which.
    """
    images: dict[str, list[Placed]] = {}
    masks: dict[str, list[Placed]] = {}
    for locator in locators:
        one = place(locator)
        (masks if one.is_mask else images).setdefault(one.key, []).append(one)
    pairs, bare = [], []
    for key, members in images.items():
        drawn = masks.pop(key, None) or masks.pop(key.removesuffix("_0000"), [])
        if len(members) == 1 and len(drawn) == 1:
            pairs.append((members[0], drawn[0]))
        else:
            bare.extend(members)
    return pairs, bare, [m for members in masks.values() for m in members]
