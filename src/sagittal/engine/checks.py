"""What can be said against a recipe before the data are looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from sagittal.data.discover import LAYOUTS
from sagittal.engine.config import Recipe
from sagittal.engine.plan import EXPLAINERS, LOSSES, MODELS, TASKS, WINDOWS, build
from sagittal.engine.sections import DEFAULT, Open
from sagittal.engine.settings import Feeding, TrainSettings
from sagittal.errors import UsageError, nearest
from sagittal.shelf import Shelf
from sagittal.transforms._compose import Augmentation

GIVEN = ("channels", "outputs", "axes", "generator")
"""Options of a network that follow from the data and the seed."""


def check_settings(recipe: Recipe) -> None:
    """Complain about settings that cannot be, before the data are looked at.

    Raises:
        UsageError: A part, option or training setting that does not exist, or a value that does not fit.
    """
    training_of(recipe.train)
    for shelf, part in ((TASKS, recipe.task), (WINDOWS, recipe.windows.name), (MODELS, recipe.model.name)):
        if part is not None:
            shelf.get(part)
    _check_open("data", recipe.data, LAYOUTS, recipe.data.layout, reserved=("root",))
    _check_open("windows", recipe.windows, WINDOWS, recipe.windows.name)
    if recipe.windows.name is not None:
        WINDOWS.make(recipe.windows.name, recipe.windows.options())
    _check_open("model", recipe.model, MODELS, recipe.model.name, reserved=GIVEN)
    _check_open("explain", recipe.explain, EXPLAINERS, recipe.explain.name, reserved=("model", "x", "attend"))
    if recipe.explain.name is not None and "attend" not in EXPLAINERS.options(recipe.explain.name):
        fit = ", ".join(n for n in EXPLAINERS.names() if "attend" in EXPLAINERS.options(n))
        raise UsageError(
            "EXPLAINER", recipe.explain.name, "explains many rows at once, and is made of tables anyway", f"choose one of: {fit}"
        )
    if recipe.loss is not None:
        _check_open("loss", recipe.loss, LOSSES, recipe.loss.name)
        LOSSES.make(recipe.loss.name, recipe.loss.options())
    if isinstance(recipe.augment, dict):
        changes = dict(recipe.augment)
        if not isinstance(changes.pop(DEFAULT, False), bool):
            raise UsageError("SETTING", f"augment.{DEFAULT}", "it is neither true nor false", "choose one: true keeps what is chosen")
        Augmentation.of(changes)


def training_of(wish: Mapping[str, Any]) -> tuple[TrainSettings, Feeding]:
    """What stands under ``train`` in a recipe, in its two parts.

    Raises:
        UsageError: A setting that does not exist, or a value that does not fit.
    """
    rest, names = dict(wish), [f.name for f in dataclasses.fields(Feeding)]
    feeding = build(Feeding, {k: rest.pop(k) for k in names if k in rest}, "train")
    return build(TrainSettings, rest, "train"), feeding


def _check_open(where: str, section: Open, shelf: Shelf, name: str | None, *, reserved: Iterable[str] = ()) -> None:
    """Whether the further keys of a section are options of the named part, or of any where none is named.

    Raises:
        UsageError: One is not; the nearest may be a key of the section itself.
    """
    if not section.options():
        return
    names = [name] if name is not None else shelf.names()
    known = {option for n in names for option in shelf.options(n)} - set(reserved)
    for key in section.options():
        if key not in known:
            what = f"the {shelf.kind} {name} has no such option" if name is not None else f"no {shelf.kind} has such an option"
            raise UsageError("UNKNOWN_OPTION", f"{where}.{key}", what, nearest(key, {*known, *type(section).model_fields}))
