"""Pictures or volumes with a mask each: in parallel folders, or side by side with telling names."""

from __future__ import annotations

from pathlib import Path

from sagittal.core import Case
from sagittal.data.layouts._codes import classes_of_masks
from sagittal.data.layouts._files import PICTURES, VOLUMES, ids_of, suffix_of, walk
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._pairing import paired
from sagittal.data.manifest import Manifest, relative

_LEAST_PAIRED = 0.5


def image_pairs(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    classes: list[str] | None = None,
    objects: bool | None = None,
) -> Found | None:
    """Images and masks: ``images/`` beside ``masks/`` (``labelsTr`` ...), ``x.png`` beside ``x_mask.png``, ``image_3`` beside ``label_3``.

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
    locators = [relative(p, root) for p in walk(root, (*PICTURES, *VOLUMES))]
    pairs, bare, lost = paired(locators)
    if not pairs or len(pairs) < _LEAST_PAIRED * (len(pairs) + len(bare)):
        return None
    drawn = classes_of_masks([root / m.locator for _, m in pairs], classes=classes, objects=objects, root=root)
    cases = [
        Case(id=name, split=i.split, images={"image": i.locator}, annotation=m.locator)
        for name, (i, m) in zip(ids_of(i.locator for i, _ in pairs), pairs, strict=True)
    ]
    told = grouped(cases, group)
    provenance = {"said": "mask", "group_rule": told.rule, **({"objects": True} if drawn.objects else {})}
    manifest = Manifest(cases=told.cases, labels=with_positive(drawn.labels, positive), root=root, provenance=provenance)
    noun = "volume" if suffix_of(pairs[0][0].locator) in VOLUMES else "picture"
    sentence = f"{plural(len(cases), noun)} with a mask each, {drawn.note}, {told.clause}"
    if manifest.splits:
        sentence += f", {'/'.join(manifest.splits)}"
    if bare:
        sentence += f"; {plural(len(bare), noun)} without a mask left out"
    if lost:
        sentence += f"; {plural(len(lost), 'mask')} without {noun} left out"
    return found("image_pairs", manifest, sentence)
