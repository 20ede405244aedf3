"""Whether everything in a manifest fits together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagittal.core import Case
from sagittal.data.drawings import parts_of
from sagittal.data.manifest.words import SPLITS
from sagittal.errors import UnreadableInput, UsageError, nearest

if TYPE_CHECKING:
    from sagittal.data.manifest.table import Manifest


def check(manifest: Manifest, *, files: bool) -> None:
    """Complain about what does not fit together; see :meth:`sagittal.data.manifest.Manifest.check`."""
    if not manifest.cases:
        raise UsageError("NO_CASES", manifest.root, "the manifest has no case", "name a folder or table that has some")
    seen: set[str] = set()
    for case in manifest.cases:
        if case.id in seen:
            raise UsageError("DUPLICATE_CASE", case.id, "two cases have this id", "give each its own in the column case")
        seen.add(case.id)
        _check_case(manifest, case)
    if files:
        _check_files(manifest)


def _check_case(manifest: Manifest, case: Case) -> None:
    if case.split and case.split not in SPLITS:
        raise UsageError("UNKNOWN_SPLIT", case.id, f"its split is {case.split!r}", nearest(case.split, SPLITS))
    if not case.images:
        raise UsageError("NO_IMAGE", case.id, "it names no image", "fill in the column image")
    if manifest.said == "value":
        try:
            [float(v) for v in case.label.split(";") if v]
        except ValueError:
            raise UsageError(
                "NOT_A_NUMBER", case.id, f"its value is {case.label!r}", "write a number, or set task: classification"
            ) from None
    elif manifest.said in {"label", "labels"} and case.label:
        for name in manifest.words(case):
            manifest.labels.index(name)


def _check_files(manifest: Manifest) -> None:
    known: set[str] = set()
    for case in manifest.cases:
        for locator in (*case.images.values(), *(one.strip() for one in parts_of(case.annotation))):
            path = locator.partition("::")[0]
            if path and path not in known and not (manifest.root / path).exists() and not (manifest.root / locator).exists():
                raise UnreadableInput(
                    "NOT_FOUND", path, f"the file of case {case.id} is not there", "correct the path, or leave the case out"
                )
            known.add(path)
