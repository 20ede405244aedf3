"""Pictures or volumes with a mask each: in parallel folders, or side by side with telling names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sagittal.core import Case
from sagittal.data.layouts._codes import classes_of_masks
from sagittal.data.layouts._files import PICTURES, VOLUMES, ids_of, suffix_of
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._images import images, noun_of
from sagittal.data.layouts._pairing import Placed, Together, paired
from sagittal.data.manifest import Manifest, relative

_LEAST_PAIRED = 0.5
ARRAYS = (".npy",)
_NOUNS = {**dict.fromkeys(VOLUMES, "volume"), **dict.fromkeys(ARRAYS, "array")}


def image_pairs(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    classes: list[str] | None = None,
    objects: bool | None = None,
) -> Found | None:
    """Images and masks: ``images/`` beside ``masks/``, ``x`` and ``x_mask``, ``image_3`` and ``label_3``, ``x_T1``, ``x_T2`` and ``x_seg``.

    Pictures, volumes or npy arrays. Images that differ only in a modality (T1, FLAIR, CT, PET ...) are channels of one case.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`.
        positive: The class that a score of one class speaks of.
        classes: Names of the numbers in the masks, the background first.
        objects: The numbers count objects of one class.

    Returns:
        None when fewer than half of the images have exactly one mask.
    """
    if not root.is_dir():
        return None
    locators = [relative(p, root) for p in images(root, (*PICTURES, *VOLUMES, *ARRAYS))]
    pairs, bare, lost = paired(locators)
    if not pairs or len(pairs) < _LEAST_PAIRED * (len(pairs) + len(bare)):
        return None
    drawn = classes_of_masks([root / p.mask.locator for p in pairs], classes=classes, objects=objects, root=root)
    names = ids_of(p.first.locator if len(p.images) == 1 else p.first.key for p in pairs)
    cases = [_case(name, pair) for name, pair in zip(names, pairs, strict=True)]
    told = grouped(cases, group)
    provenance = {"said": "mask", "group_rule": told.rule, **({"objects": True} if drawn.objects else {})}
    manifest = Manifest(cases=told.cases, labels=with_positive(drawn.labels, positive), root=root, provenance=provenance)
    noun = noun_of([root / p.first.locator for p in pairs], _NOUNS.get(suffix_of(pairs[0].first.locator), "picture"))
    channels = list(pairs[0].images)
    what = f"{plural(len(cases), 'case')} of {' and '.join(channels)}" if len(channels) > 1 else plural(len(cases), noun)
    sentence = f"{what} with a mask each, {drawn.note}, {told.clause}"
    if manifest.splits:
        sentence += f", {'/'.join(manifest.splits)}"
    if bare:
        sentence += f"; {plural(len(bare), noun)} without a mask left out"
    if lost:
        sentence += f"; {plural(len(lost), 'mask')} without {noun} left out"
    unlabelled, lacking = _unpaired(bare, channels)
    return replace(found("image_pairs", manifest, sentence, sure=len(channels) > 1), unlabelled=unlabelled, lacking=lacking)


def _unpaired(bare: Sequence[Placed], channels: Sequence[str]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Cases without a mask, and the names of those that lack a modality, too."""
    by_key: dict[str, dict[str, Placed]] = {}
    for one in bare:
        by_key.setdefault(one.key, {})[one.modality] = one
    whole = {key: parts for key, parts in by_key.items() if all(c in parts for c in channels)}
    names = ids_of(parts[channels[0]].locator if len(channels) == 1 else key for key, parts in whole.items())
    cases = tuple(
        Case(id=name, images={c if len(channels) > 1 else "image": parts[c].locator for c in channels})
        for name, parts in zip(names, whole.values(), strict=True)
    )
    return cases, tuple(key for key in by_key if key not in whole)


def _case(name: str, pair: Together) -> Case:
    images = {m if len(pair.images) > 1 else "image": i.locator for m, i in pair.images.items()}
    return Case(id=name, split=pair.first.split, images=images, annotation=pair.mask.locator)
