"""Pictures or volumes of which nobody said anything: for prediction."""

from __future__ import annotations

import re
from pathlib import Path

from sagittal.core import Case, Labels
from sagittal.data.layouts._files import PICTURES, SHEETS, VOLUMES, ids_of, split_of, stem_of, suffix_of, walk
from sagittal.data.layouts._found import Found, found, plural
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._images import images, is_slide, noun_of
from sagittal.data.layouts._pairing import Placed, channels_together
from sagittal.data.layouts._roles import is_mask_name, is_role_folder
from sagittal.data.manifest import Manifest, relative

_SEG = re.compile(r"(?i)(?:^|[_-])seg(?:s|mentations?)?(?:$|[_-])")


def pictures(root: Path, *, group: str | None = None, positive: str | None = None) -> Found | None:
    """Every picture or volume below a folder, or a single one, without labels.

    Args:
        root: The folder, or one file.
        group: See :func:`sagittal.data.layouts._groups.grouped`.
        positive: Does not matter here: there are no classes.

    Returns:
        None when there is none.
    """
    del positive
    if root.is_file():
        files, base = ([root] if suffix_of(root.name) in (*PICTURES, *VOLUMES) or is_slide(root) else []), root.parent
    else:
        files, base = images(root, (*PICTURES, *VOLUMES)), root
    # What was drawn is no image to answer, where there are others.
    pictured = [f for f in files if not _is_mask(f, base)]
    left = len(files) - len(pictured) if pictured else 0
    files = pictured or files
    if not files:
        return None
    locators = [relative(f, base) for f in files]
    together = channels_together(locators) if all(suffix_of(f.name) in VOLUMES for f in files) else []
    if together:
        return _several(together, base, group, left)
    splits = [next(filter(None, map(split_of, f.relative_to(base).parts[:-1])), "") for f in files]
    cases = [
        Case(id=name, split=split, images={"image": locator})
        for name, split, locator in zip(ids_of(locators), splits, locators, strict=True)
    ]
    told = grouped(cases, group)
    provenance = {"said": "nothing", "group_rule": told.rule}
    manifest = Manifest(cases=told.cases, labels=Labels(classes=()), root=base, provenance=provenance)
    noun = "volume" if all(suffix_of(f.name) in VOLUMES for f in files) else noun_of(files, "picture")
    sentence = f"{plural(len(cases), noun)} without labels, {told.clause}"
    sentence += f"; {plural(left, 'mask')} that no layout ties to an image left out" if left else ""
    sheets = walk(base, SHEETS) if root.is_dir() else []
    sentence += f"; {sheets[0].name} is not read: save it as CSV" if sheets else ""
    return found("pictures", manifest, sentence)


def _several(together: list[dict[str, Placed]], base: Path, group: str | None, left: int) -> Found:
    """Volumes that are modalities of one case each."""
    names = ids_of(next(iter(images.values())).key or base.name for images in together)
    cases = [
        Case(id=name, split=next(iter(images.values())).split, images={m: i.locator for m, i in images.items()})
        for name, images in zip(names, together, strict=True)
    ]
    told = grouped(cases, group)
    manifest = Manifest(cases=told.cases, labels=Labels(classes=()), root=base, provenance={"said": "nothing", "group_rule": told.rule})
    sentence = f"{plural(len(cases), 'case')} of {' and '.join(together[0])} without labels, {told.clause}"
    sentence += f"; {plural(left, 'mask')} that no layout ties to an image left out" if left else ""
    return found("pictures", manifest, sentence)


def _is_mask(file: Path, base: Path) -> bool:
    """Whether a file is named as what was drawn, or lies in a folder that is."""
    *folders, name = file.relative_to(base).parts
    return (
        is_mask_name(stem_of(name)) or any(is_role_folder(f) and is_mask_name(f) for f in folders) or any(_SEG.search(f) for f in folders)
    )
