"""The recipe: what a user may set. A closed schema; an unknown key is answered with the nearest one."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from sagittal.engine.sections import DEFAULT, Data, Evaluate, Explain, LabelRules, Loss, Model, Prepare, Section, Seed, Split, Windows
from sagittal.engine.settings import Feeding, TrainSettings
from sagittal.errors import UnreadableInput, UsageError, nearest, one_line

L2, DECAY = "l2", "weight_decay"
"""Published systems say L2 of what the loop knows as weight decay: two names of one setting of ``train``."""


class Recipe(Section):
    """All that a run was asked to do. None means: the plan decides from the data, and says why.

    Args:
        recipe: The name that the rest was laid over.
        data: Where the data are and how they lie.
        task: What is asked of each case; decided from what was said of them.
        labels: What the classes mean.
        split: Who is trained on and who is tested on.
        windows: What the model sees at once.
        prepare: The way from a file to what enters the network.
        model: The network.
        augment: Transforms by name, each with its options, in place of what is chosen; none; or with ``default: true`` what
            is changed of that. ``--set augment.mixup=0`` changes a part and leaves the others.
        loss: The loss, by name or with its options.
        train: How it learns.
        evaluate: How the answers are made and judged.
        explain: Which explainer, for how many cases.
        seed: Of everything random in training.
    """

    recipe: str = "auto"
    data: Data = Data()
    task: str | None = None
    labels: LabelRules = LabelRules()
    split: Split = Split()
    windows: Windows = Windows()
    prepare: Prepare = Prepare()
    model: Model = Model()
    augment: dict[str, Any] | Literal["none"] | None = None
    loss: Loss | None = None
    train: dict[str, Any] = pydantic.Field(default_factory=dict)
    evaluate: Evaluate = Evaluate()
    explain: Explain = Explain()
    seed: Seed = 0

    @pydantic.field_validator("train", mode="before")
    @classmethod
    def _by_their_names(cls, value: object) -> object:
        if not isinstance(value, dict) or L2 not in value:
            return value
        if DECAY in value:
            raise UsageError("SETTING", f"train.{L2}", f"is another name of train.{DECAY}, and both are set", "set one of them")
        return {DECAY if k == L2 else k: v for k, v in value.items()}

    @pydantic.field_validator("loss", mode="before")
    @classmethod
    def _loss_by_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    def record(self) -> dict[str, Any]:
        """What was set, without the defaults."""
        return self.model_dump(mode="json", exclude_unset=True)


def recipe_folder() -> Path:
    """Where the recipes of the package lie."""
    return Path(__file__).parents[1] / "recipes"


def recipe_names() -> list[str]:
    """The recipes of the package."""
    return sorted(p.stem for p in recipe_folder().glob("*.yaml"))


def load_recipe(source: str | Path | None = None, sets: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """The recipe of a name or file, with settings laid over it.

    Args:
        source: A name of the package, a YAML file, or None for ``auto``.
        sets: ``key.sub=value`` texts as on the command line, or the same as a mapping.

    Raises:
        UsageError: An unknown key or a value that does not fit, with the remedy.

    >>> load_recipe("auto", ["train.epochs=3", "seed=7"]).seed
    7
    """
    tree = _read(source)
    pairs = sets.items() if isinstance(sets, Mapping) else map(_parse_set, sets)
    for key, value in pairs:
        _put(tree, key, value)
    return recipe_of(tree)


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with further settings laid over it, checked.

    Raises:
        UsageError: An unknown key or a value that does not fit, with the remedy.

    >>> with_settings(load_recipe("auto"), {"train.l2": 0.01}).train
    {'weight_decay': 0.01}
    """
    tree = recipe.record()
    for key, value in settings.items():
        _put(tree, key, value)
    return recipe_of(tree)


def recipe_of(tree: Mapping[str, Any]) -> Recipe:
    """The recipe of a nested mapping, checked."""
    try:
        return Recipe.model_validate(tree)
    except pydantic.ValidationError as error:
        raise _usage(error.errors()[0]) from None


def _read(source: str | Path | None) -> dict[str, Any]:
    name = str(source or "auto")
    path = recipe_folder() / f"{name}.yaml" if name in recipe_names() else Path(name)
    if not path.is_file():
        raise UsageError("UNKNOWN_RECIPE", name, "there is neither a recipe nor a file of this name", nearest(name, recipe_names()))
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableInput("RECIPE", path.name, f"is not YAML: {error}", "correct the file") from None
    if not isinstance(tree, dict | None):
        raise UsageError("RECIPE", path.name, "is not a mapping of settings", "see `sagittal list recipes` for examples")
    return {"recipe": path.stem, **(tree or {})}


def _parse_set(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError("SETTING", text, "is not key=value", "write for example --set train.epochs=10")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError("SETTING", text, "the value is not YAML", "quote it") from None


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    *heads, last = key.split(".")
    here = tree
    for head in heads:
        below = here.get(head)
        if head == "augment" and here is tree and not isinstance(below, dict):
            # one part is named: the others stay what they would be
            below = {} if below == "none" else {DEFAULT: True}
        if isinstance(below, str):
            below = {"name": below}
        here[head] = dict(below) if isinstance(below, dict) else {}
        here = here[head]
    if heads == ["train"] and last in {L2, DECAY}:
        # what is laid over wins, under whichever of the two names the recipe has it
        for name in (L2, DECAY):
            here.pop(name, None)
    here[last] = value


def _usage(error: Any) -> UsageError:  # a pydantic error record
    if error["type"] == "extra_forbidden":
        where = ".".join(str(part) for part in error["loc"])
        return UsageError("UNKNOWN_KEY", where, "there is no such setting", nearest(str(error["loc"][-1]), _keys(error["loc"][:-1])))
    where = _setting(error["loc"])
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        choice = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return UsageError("SETTING", where, f"{error['input']!r} is none of its values", nearest(error["input"], choice))
    return UsageError("SETTING", where, f"{error['msg']}; given {error['input']!r}", "see `sagittal list settings`")


def _setting(path: Iterable[object]) -> str:
    """The setting in which a value is wrong, without what the checker adds of the kinds that the value could have been."""
    model: type[Section] | None = Recipe
    names: list[str] = []
    for part in path:
        if model is None or str(part) not in model.model_fields:
            break
        names.append(str(part))
        model = _section(model, str(part))
    return ".".join(names) or ".".join(map(str, path))


def _keys(path: Iterable[object]) -> list[str]:
    model: type[Section] = Recipe
    for part in path:
        found = _section(model, str(part))
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _section(model: type[Section], name: str) -> type[Section] | None:
    """What lies below a setting; None of one that holds a value."""
    field = model.model_fields.get(name)
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())] if field is not None else []
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, Section)), None)


def settings() -> list[tuple[str, str, str]]:
    """Every setting as ``(key, default, meaning)``, for listings."""
    rows, told = [], _told(Recipe)
    for name, field in Recipe.model_fields.items():
        default = field.default
        if name == "train":
            rows += [*_of_dataclass(TrainSettings, "train"), *_of_dataclass(Feeding, "train")]
        elif isinstance(default, Section):
            meant = _told(type(default))
            rows += [(f"{name}.{sub}", repr(below.default), meant.get(sub, "")) for sub, below in type(default).model_fields.items()]
        else:
            rows.append((name, repr(default), told.get(name, "")))
    return rows


def _told(kind: type) -> dict[str, str]:
    """What the documentation of a class says of each of its fields: whole, also where it goes on in further lines."""
    said = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)$", inspect.cleandoc(kind.__doc__ or ""), flags=re.MULTILINE)
    return {name: one_line(meaning) for name, meaning in said}


def _of_dataclass(kind: Any, where: str) -> list[tuple[str, str, str]]:
    """The fields of a dataclass, those of the dataclasses below it too, with what its documentation says of each."""
    said = _told(kind)
    hints = typing.get_type_hints(kind)
    rows = []
    for field in dataclasses.fields(kind):
        below = next((h for h in (hints[field.name], *typing.get_args(hints[field.name])) if dataclasses.is_dataclass(h)), None)
        made = field.default if field.default_factory is dataclasses.MISSING else None
        if below is not None and typing.get_origin(hints[field.name]) is not tuple:
            rows += _of_dataclass(below, f"{where}.{field.name}")
        else:
            rows.append((f"{where}.{field.name}", "" if made is dataclasses.MISSING else repr(made), said.get(field.name, "")))
    return rows
