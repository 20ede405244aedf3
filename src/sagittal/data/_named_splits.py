"""Splits that the file names themselves tell, and whether people stand on both sides of them."""

from __future__ import annotations

from collections.abc import Iterator

from sagittal.data.finding import Finding
from sagittal.data.layouts._files import split_at_start, stem_of
from sagittal.data.manifest import Manifest

_LEAST_FIT = 0.95


def named_splits(manifest: Manifest) -> Iterator[Finding]:
    """Whether names that begin with a split, as ``train_3`` and ``testA_1``, part patients; only where they are not the splits already.

    Such a split is not used by itself: it may be the official one of a challenge, and not by patient.
    """
    if manifest.splits:
        return
    told = {
        c.id: split_at_start(stem_of(next(iter(c.images.values()), "").partition("::")[0].rpartition("/")[2]))[0] for c in manifest.cases
    }
    named = sorted({split for split in told.values() if split})
    if len(named) < 2 or sum(map(bool, told.values())) < _LEAST_FIT * len(manifest):
        return
    counts = " and ".join(f"{sum(s == split for s in told.values())} {split}" for split in named)
    sides: dict[str, set[str]] = {}
    for case in manifest.cases:
        if case.group and told[case.id]:
            sides.setdefault(case.group, set()).add(told[case.id])
    torn = {group for group, splits in sides.items() if len(splits) > 1}
    what = f"the file names tell a split of their own ({counts})"
    if not sides:
        remedy = "put it into a column split of a manifest.csv to use it; it may not be by patient"
        yield Finding(code="NAMED_SPLIT", severity="note", items=(), what=f"{what}, which is not used", remedy=remedy)
        return
    items = tuple(c.id for c in manifest.cases if c.group in torn)
    if torn:
        what += f" in which {len(torn)} of {len(sides)} patients stand on several sides: scores on it are of patients that were trained on"
        remedy = "it is not used; splits made here are by patient"
    else:
        what += ", which keeps patients apart and is not used"
        remedy = "put it into a column split of a manifest.csv to use it"
    yield Finding(code="NAMED_SPLIT", severity="warn" if torn else "note", items=items, what=what, remedy=remedy)
