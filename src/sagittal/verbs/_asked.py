"""What a user says about reading the cases that a model is asked: how they lie, how large, and what to do about broken ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sagittal.core.case import Case
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.errors import LimitExceeded, UnreadableInput, UsageError
from sagittal.io import atomic

FAILED = "failed.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How cases are read.

    Args:
        layout: How other data lie, where looking does not tell.
        max_pixels: The largest picture that is decoded.
        allow_unreadable: Skip cases that cannot be read, instead of ending at the first.
    """

    layout: str | None = None
    max_pixels: int | None = None
    allow_unreadable: bool = False

    def check(self, data: str | Path | None) -> None:
        """Complain about a layout of no data.

        Raises:
            UsageError: A layout, and no other data that could lie so.
        """
        if self.layout is not None and data is None:
            what = "it says how other data lie, and none are named"
            raise UsageError("NO_DATA", f"--layout {self.layout}", what, "name some with --data, or leave it out")

    def within(self, manifest: Manifest) -> Manifest:
        """The manifest, to be read within the user's limits."""
        return manifest if self.max_pixels is None else manifest.with_cases(manifest.cases, max_pixels=self.max_pixels)

    def readable(self, manifest: Manifest, cases: Sequence[Case]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
        """The cases to answer, and the ids of those to skip; where none may be skipped, none is looked at.

        Raises:
            UnreadableInput: Not one of them can be read.
        """
        if not self.allow_unreadable:
            return tuple(cases), ()
        kept, failed = [], []
        for case in cases:
            try:
                image = image_of(case, manifest)
                image.read()
                manifest.annotation(case, like=image.geometry)
            except (UnreadableInput, LimitExceeded):
                failed.append(case.id)
            else:
                kept.append(case)
        if cases and not kept:
            raise UnreadableInput("UNREADABLE", failed[0], f"none of {len(failed)} cases can be read", "mend them, or name other data")
        return tuple(kept), tuple(failed)


@contextmanager
def skippable() -> Iterator[None]:
    """The refusal of an unreadable case names the way around it.

    Raises:
        UnreadableInput: The one that was raised inside, with a longer remedy.
    """
    try:
        yield
    except UnreadableInput as error:
        raise UnreadableInput(error.code, error.item, error.what, f"{error.remedy}; or skip it with --allow-unreadable") from error


def list_failed(folder: Path, failed: Sequence[str]) -> None:
    """Write which cases were skipped; nothing where none was."""
    if failed:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_text(folder / FAILED, "".join(f"{line}\n" for line in ("case", *failed)))
