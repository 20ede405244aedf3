"""What a user asks for: on which terms data are read, and what is to be trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagittal.core.case import Case
from sagittal.data.audit import LEAKS
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.errors import LimitExceeded, UnreadableInput, UsageError, nearest
from sagittal.io import atomic
from sagittal.io.guard import LET_THROUGH, Limits
from sagittal.io.writers.csv import as_text
from sagittal.ops.finite import check_finite
from sagittal.verbs._numbers import check_numbers

if TYPE_CHECKING:
    from sagittal.engine.config import Recipe

FAILED = "failed.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """On which terms data are read; what makes no sense is refused before anything is looked at.

    Args:
        layout: How the data lie, where looking does not tell.
        allow: Codes of findings that stop nothing.
        allow_unreadable: Skip what cannot be read, instead of ending at the first.
        max_pixels: The largest picture that is decoded.
        leaks: Leaks are looked for too, and may be let through.

    Raises:
        UsageError: A code that does not exist, with the nearest one; or a largest picture of no sample.
    """

    layout: str | None = None
    allow: Sequence[str] = ()
    allow_unreadable: bool = False
    max_pixels: int | None = None
    leaks: bool = False

    def __post_init__(self) -> None:
        check_numbers(max_pixels=self.max_pixels)
        check_codes(self.allow, {*LET_THROUGH, "UNREADABLE", *(LEAKS if self.leaks else ())})

    @property
    def limits(self) -> Limits:
        """The default limits, with the user's own and the codes that readers let through."""
        return Limits.default().but(pixels=self.max_pixels, allow=self.allow)

    @property
    def skips(self) -> bool:
        """Whether what cannot be read is left out."""
        return self.allow_unreadable or "UNREADABLE" in self.allow

    def of_other(self, data: str | Path | None) -> Terms:
        """Themselves, once a layout has data that could lie so.

        Raises:
            UsageError: A layout, and no other data.
        """
        if self.layout is not None and data is None:
            what = "it says how other data lie, and none are named"
            raise UsageError("NO_DATA", f"--layout {self.layout}", what, "name some with --data, or leave it out")
        return self

    def within(self, manifest: Manifest) -> Manifest:
        """The manifest, to be read within the user's limits."""
        let = sorted({*self.allow, *manifest.limits.allow} & LET_THROUGH)
        told = {**({} if self.max_pixels is None else {"max_pixels": self.max_pixels}), **({"allow": let} if let else {})}
        return manifest.with_cases(manifest.cases, **told) if told else manifest

    def readable(self, manifest: Manifest, cases: Sequence[Case]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
        """The cases to answer, and the ids of those to skip; where none may be skipped, none is looked at.

        Raises:
            UnreadableInput: Not one of them can be read.
        """
        if not self.skips:
            return tuple(cases), ()
        kept, failed = [], []
        for case in cases:
            try:
                image = image_of(case, manifest)
                check_finite(image.read(), holes=image.geometry.axes == 0)
                manifest.annotation(case, like=image.geometry)
            except (UnreadableInput, LimitExceeded):
                failed.append(case.id)
            else:
                kept.append(case)
        if cases and not kept:
            raise UnreadableInput("UNREADABLE", failed[0], f"none of {len(failed)} cases can be read", "mend them, or name other data")
        return tuple(kept), tuple(failed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Terms):
    """What is to be trained, on what, and how.

    Args:
        data: A folder, a table, a manifest or an array file.
        out: The run directory; None names one after the data and the time.
        recipe: A recipe's name or file, or the recipe itself.
        sets: Settings over a recipe's name or file.
        seed: Of everything random in training, over the settings.
        max_ram: GiB for a step of the training and for the windows of drawn answers, over the settings.
        device: Where it computes.
        scored: The model is to be scored at once: splits that keep no case for that are refused before it is trained.

    Raises:
        UsageError: As of the terms; a number out of its range.
    """

    data: str | Path
    out: str | Path | None = None
    recipe: str | Path | Recipe | None = None
    sets: Sequence[str] | Mapping[str, Any] = ()
    seed: int | None = None
    max_ram: float | None = None
    device: str = "auto"
    scored: bool = False
    leaks: bool = True

    def __post_init__(self) -> None:
        Terms.__post_init__(self)
        check_numbers(seed=self.seed, max_ram=self.max_ram)

    def settled(self) -> Recipe:
        """The recipe with all settings laid over it.

        Raises:
            UsageError: There is no such recipe or setting.
        """
        from sagittal.engine.config import Recipe, load_recipe, with_settings
        from sagittal.engine.learn import device_of
        from sagittal.engine.room import small_gpu_gib

        base = self.recipe if isinstance(self.recipe, Recipe) else load_recipe(self.recipe, self.sets)
        room = self.max_ram
        if room is None and base.train.get("max_ram") is None:
            room = small_gpu_gib(device_of(self.device))
        own = {"seed": self.seed, "evaluate.max_ram": self.max_ram, "train.max_ram": room}
        said = {key: value for key, value in own.items() if value is not None}
        return with_settings(base, said) if said else base


def check_codes(allow: Iterable[str], known: Iterable[str]) -> None:
    """Complain about what is to be let through and stops nothing.

    Raises:
        UsageError: A code that is not known, with the nearest one.
    """
    choice = set(known)
    for code in allow:
        if code not in choice:
            raise UsageError("UNKNOWN_CODE", f"--allow {code}", "nothing of this name stops this command", nearest(code, choice))


@contextmanager
def skippable() -> Iterator[None]:
    """The refusal of an unreadable case names the way around it.

    Raises:
        UnreadableInput: The one that was raised inside, with a longer remedy.
    """
    try:
        yield
    except UnreadableInput as error:
        raise type(error)(error.code, error.item, error.what, f"{error.remedy}; or skip it with --allow-unreadable") from error


def list_failed(folder: Path, failed: Sequence[str]) -> None:
    """Write which cases were skipped; nothing where none was."""
    if failed:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_text(folder / FAILED, as_text([["case"], *([name] for name in failed)]))
