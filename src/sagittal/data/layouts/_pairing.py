"""Which drawing belongs to which image, and which images to one another: told by folders and names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sagittal.data.layouts._files import split_of, stem_of
from sagittal.data.layouts._roles import is_image_name, is_mask_name, is_modality, is_role_folder


@dataclass(frozen=True, slots=True)
class Placed:
    """A file as part of a case: the same key holds them together."""

    locator: str
    key: str
    is_mask: bool
    split: str
    modality: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """A case: its images by modality (one without a name where there is only one), and what was drawn."""

    images: dict[str, Placed]
    mask: Placed

    @property
    def first(self) -> Placed:
        """The image that stands for the case."""
        return next(iter(self.images.values()))


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


def _bare(stem: str, *, modality: str = "") -> str:
    """A stem without the words that tell the role (and the modality); the whole stem where nothing else is left.

    >>> _bare("a_mask"), _bare("label_3"), _bare("testA_19_anno"), _bare("masked")
    ('a', '3', 'testa_19', 'masked')
    """
    parts = _words(stem)
    rest = [p for p in parts if not (is_mask_name(p) or is_image_name(p)) or any(c.isdigit() for c in p)]
    named = [p for p in rest if p.casefold() != modality] if modality else rest
    return "_".join(named or rest or parts).casefold()


def _words(stem: str) -> list[str]:
    return [p for p in re.split(r"[\s_\-.]+", stem) if p]


def paired(locators: Iterable[str]) -> tuple[list[Together], list[Placed], list[Placed]]:
    """Images with what was drawn on them, images without, and drawings without an image.

    Images that differ in nothing but a modality (``T1``, ``FLAIR``, ``CT`` ... at the end of the name, or a folder
    called so) are channels of one case, unless each has a drawing of its own. A key that has several images of one
    modality or several drawings is not paired: it does not tell which belongs to which.
    """
    placed = [place(locator) for locator in locators]
    together = _matched([_without_modality(one) for one in placed])
    alone = _matched(placed)
    return together if len(together[0]) >= len(alone[0]) else alone


def channels_together(locators: Iterable[str]) -> list[dict[str, Placed]]:
    """Images by modality, case by case, where every case has the same several; nothing where they have not.

    >>> [list(c) for c in channels_together(["a_T1.nii", "a_T2.nii", "b_T1.nii", "b_T2.nii"])], channels_together(["a.nii"])
    ([['t1', 't2'], ['t1', 't2']], [])
    """
    cases: dict[str, dict[str, Placed]] = {}
    for locator in locators:
        one = _without_modality(place(locator), alone=True)
        known = cases.setdefault(one.key, {})
        if not one.modality or one.modality in known:
            return []
        known[one.modality] = one
    kinds = {tuple(sorted(members)) for members in cases.values()}
    several = len(kinds) == 1 and len(next(iter(kinds))) > 1
    return [{m: members[m] for m in sorted(members)} for members in cases.values()] if several else []


def _matched(placed: Sequence[Placed]) -> tuple[list[Together], list[Placed], list[Placed]]:
    images: dict[str, list[Placed]] = {}
    masks: dict[str, list[Placed]] = {}
    for one in placed:
        (masks if one.is_mask else images).setdefault(one.key, []).append(one)
    pairs, bare = [], []
    for key, members in images.items():
        drawn = masks.pop(key, None) or masks.pop(key.removesuffix("_0000"), [])
        kinds = {m.modality: m for m in members}
        if len(kinds) == len(members) and len(drawn) == 1:
            pairs.append(Together(kinds, drawn[0]))
        else:
            bare.extend(members)
    common = _common(pairs)
    kept = [Together({m: p.images[m] for m in common}, p.mask) for p in pairs if set(common) <= set(p.images)]
    partial = [i for p in pairs if not set(common) <= set(p.images) for i in p.images.values()]
    return kept, [*bare, *partial], [m for members in masks.values() for m in members]


def _common(pairs: Sequence[Together], least: float = 0.8) -> list[str]:
    """The modalities that nearly all cases have; the commonest where none has."""
    counts = Counter(m for p in pairs for m in p.images)
    most = [m for m, n in counts.items() if n >= least * len(pairs)]
    return sorted(most) or [m for m, _ in counts.most_common(1)]


def _without_modality(one: Placed, *, alone: bool = False) -> Placed:
    """A file whose key no longer tells how the image was taken: the modality is kept beside it.

    Args:
        one: The file.
        alone: A name that is nothing but a modality counts too: the folder tells the case.
    """
    *folders, name = one.locator.split("/")
    words = _words(stem_of(name))
    found = next((w.casefold() for w in reversed(words) if is_modality(w)), "")
    if found and len(words) > 1:
        kept = [f for f in folders if not is_role_folder(f)]
        return replace(one, key="/".join([*kept, _bare(stem_of(name), modality=found)]), modality="" if one.is_mask else found)
    if found and alone and not one.is_mask:
        return replace(one, key="/".join(f for f in folders if not is_role_folder(f)), modality=found)
    folder = next((f for f in reversed(folders) if is_modality(f)), "")
    if not folder or one.is_mask:
        return one
    kept = [f for f in folders if f != folder and not is_role_folder(f)]
    return replace(one, key="/".join([*kept, _bare(stem_of(name))]), modality=folder.casefold())
