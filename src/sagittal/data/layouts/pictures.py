"""Pictures or volumes of which nobody said anything: for prediction."""

from __future__ import annotations

from pathlib import Path

from sagittal.core import Case, Labels
from sagittal.data.layouts._files import PICTURES, VOLUMES, ids_of, split_of, suffix_of, walk
from sagittal.data.layouts._found import Found, found, plural
from sagittal.data.layouts._groups import grouped
from sagittal.data.manifest import Manifest, relative


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
        files, base = ([root] if suffix_of(root.name) in (*PICTURES, *VOLUMES) else []), root.parent
    else:
        files, base = walk(root, (*PICTURES, *VOLUMES)), root
    if not files:
        return None
    locators = [relative(f, base) for f in files]
    splits = [next(filter(None, map(split_of, f.relative_to(base).parts[:-1])), "") for f in files]
    cases = [
        Case(id=name, split=split, images={"image": locator})
        for name, split, locator in zip(ids_of(locators), splits, locators, strict=True)
    ]
    told = grouped(cases, group)
    provenance = {"said": "nothing", "group_rule": told.rule}
    manifest = Manifest(cases=told.cases, labels=Labels(classes=()), root=base, provenance=provenance)
    sentence = f"{plural(len(cases), 'picture')} without labels, {told.clause}"
    return found("pictures", manifest, sentence)
