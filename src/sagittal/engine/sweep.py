"""What a sweep tries: the points of a grid, or the room in which a search draws them."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml

from sagittal.engine.checks import check_settings
from sagittal.engine.config import DECAY, L2, Recipe, with_settings
from sagittal.errors import UsageError

FORMAT, VERSION = "sagittal-sweep", 1

SWEPT = ("train", "model", "augment", "loss", "prepare", "windows")
"""Sections of a recipe whose settings may differ between trials; all others are of the data, which are looked at and split once."""

Settings = Mapping[str, Any]

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+?)(?P<log>:log)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """The values between which a search draws.

    Args:
        low: The least.
        high: The greatest.
        log: Whether it draws evenly in the logarithm.

    Both ends whole numbers: whole numbers are drawn.
    """

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """All that makes a sweep what it is; the same command given again must agree with it.

    Args:
        data: Where the data are.
        recipe: What every trial has in common, as the recipe's record.
        grid: The values of each setting.
        search: The room of each setting that is searched.
        seeds: How often each trial is trained, each time with another seed.
        trials: How many a search draws; None trains the whole grid.
        score: The number of the validation that is compared.
        device: The kind of device.
        layout: How the data lie, where looking does not tell.
        allow: Findings that do not stop anything.
        allow_unreadable: Whether unreadable files are skipped.
        max_pixels: The largest picture that is decoded.
    """

    data: str
    recipe: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    search: Mapping[str, Room] = field(default_factory=dict)
    seeds: int = 1
    trials: int | None = None
    score: str | None = None
    device: str = "cpu"
    layout: str | None = None
    allow: Sequence[str] = ()
    allow_unreadable: bool = False
    max_pixels: int | None = None

    def record(self) -> dict[str, Any]:
        """As JSON gives it back."""
        return dict(json.loads(json.dumps(asdict(self))))

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings that differ, in the order they were named."""
        return (*self.grid, *self.search)

    @property
    def count(self) -> int:
        """How many trials there are to be."""
        return math.prod(len(values) for values in self.grid.values()) if self.trials is None else self.trials


def grid_of(given: Sequence[str] | Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    """The values of each setting, from ``key=value,value`` texts or a mapping.

    Raises:
        UsageError: A text that says no values, a setting named twice, a value given twice.

    >>> grid_of(["train.lr=1e-3,1e-4", "model.head=[256],[64, 64]"])
    {'train.lr': (0.001, 0.0001), 'model.head': ([256], [64, 64])}
    """
    if isinstance(given, Mapping):
        grid = {key: tuple(values) for key, values in given.items()}
    else:
        grid = {}
        for key, text in _pairs(given, "--grid", "train.lr=0.001,0.0001"):
            grid[key] = tuple(_numbered(v) for v in _listed(key, text))
    for key, values in grid.items():
        texts = [json.dumps(v, sort_keys=True, default=str) for v in values]
        if not values or len(set(texts)) < len(texts):
            what = "the same value is given twice" if values else "no value is given"
            raise UsageError("GRID", key, what, "give each value once, with commas between them")
    return grid


def search_of(given: Sequence[str] | Mapping[str, str]) -> dict[str, Room]:
    """The room of each setting, from ``key=low..high`` texts, ``:log`` behind it for even steps of the logarithm.

    Raises:
        UsageError: A text that is no range, or one that cannot be drawn from.

    >>> search_of(["train.lr=1e-5..1e-1:log"])
    {'train.lr': Room(low=1e-05, high=0.1, log=True)}
    >>> search_of(["train.batch=2..16"])["train.batch"].whole
    True
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else _pairs(given, "--search", "train.lr=1e-5..1e-1:log")
    return {key: _room(key, text) for key, text in pairs}


def _pairs(texts: Sequence[str], option: str, example: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key or not value:
            raise UsageError("SETTING", f"{option} {text}", "is not key=values", f"write for example {option} {example}")
        if key in found:
            raise UsageError("SETTING", f"{option} {key}", "is named twice", "name each setting once, with all its values")
        found[key] = value
    return list(found.items())


def _listed(key: str, text: str) -> list[Any]:
    try:
        values = yaml.safe_load(f"[{text}]")
    except yaml.YAMLError:
        raise UsageError("SETTING", f"--grid {key}", f"{text!r} is no list of values", "quote values with odd characters") from None
    return list(values)


def _numbered(value: Any) -> Any:
    """YAML takes ``1e-3``, without a point, for a word."""
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _room(key: str, text: str) -> Room:
    found = _RANGE.fullmatch(text.strip())
    ends = [found["low"].strip(), found["high"].strip()] if found else []
    if found is None or not all(_NUMBER.fullmatch(end) for end in ends):
        raise UsageError("SEARCH", key, f"{text!r} is no range", "write low..high or low..high:log, such as 1e-5..1e-1:log")
    whole = all(re.fullmatch(r"[-+]?\d+", end) for end in ends)
    low, high = (int(end) if whole else float(end) for end in ends)
    log = found["log"] is not None
    if low >= high or (log and low <= 0):
        wanted = "the logarithm wants numbers above 0" if log and low <= 0 else "the first end must be the smaller one"
        raise UsageError("SEARCH", key, f"{text!r} cannot be drawn from: {wanted}", "correct the ends")
    return Room(low=low, high=high, log=log)


def points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination, the last setting changing fastest.

    >>> points({"a": (1, 2), "b": ("x", "y")})[:3]
    [{'a': 1, 'b': 'x'}, {'a': 1, 'b': 'y'}, {'a': 2, 'b': 'x'}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def corners(asked: Asked) -> list[dict[str, Any]]:
    """Settings that must all be possible before anything starts: the whole grid, and both ends of what is searched."""
    ends = [{k: r.low for k, r in asked.search.items()}, {k: r.high for k, r in asked.search.items()}]
    return [{**point, **end} for end in (ends if asked.search else ends[:1]) for point in points(asked.grid)]


def check_asked(asked: Asked, recipe: Recipe) -> None:
    """Refuse what could not be trained or compared, before the data are looked at.

    Raises:
        UsageError: A setting that does not exist, with the nearest one; one that may not differ between trials; no
            setting at all; a value out of its range; a score that does not compare.
    """
    if not asked.keys:
        raise UsageError("NOTHING_TO_SWEEP", "--grid", "no setting is named", "name some, such as --grid train.lr=1e-3,1e-4")
    if set(asked.grid) & set(asked.search):
        both = min(set(asked.grid) & set(asked.search))
        raise UsageError("SETTING", both, "stands in the grid and in the search", "leave it out of one of them")
    if asked.seeds < 1 or (asked.trials is not None and asked.trials < 1):
        raise UsageError("SETTING", "--seeds, --trials", "less than one of them is nothing", "give at least 1")
    if asked.search and asked.trials is None:
        raise UsageError("NO_TRIALS", "--search", "a search has no end of its own", "say how many with --trials")
    _check_sections(asked.keys)
    if {f"train.{L2}", f"train.{DECAY}"} <= set(asked.keys):
        raise UsageError("SETTING", f"train.{L2}", f"is another name of train.{DECAY}", "sweep one of them")
    for settings in corners(asked):
        check_settings(with_settings(recipe, settings))
    check_settings(recipe)
    if recipe.split.folds is not None:
        what = "a sweep compares on one validation split, and folds have one each"
        raise UsageError("FOLDS", "split.folds", what, "add --set split.folds=null, and cross-validate the chosen settings afterwards")
    if asked.score in {None, "loss", "val_loss"} and any(k.startswith("loss") or k == "train.class_weights" for k in asked.keys):
        what = "the loss itself differs between the trials, so that its values do not compare"
        raise UsageError("SCORE", "--score", what, "name another number of log.csv, such as --score accuracy or --score dice")


def _check_sections(keys: Iterable[str]) -> None:
    for key in keys:
        head = key.partition(".")[0]
        if head == "seed":
            raise UsageError("NOT_SWEPT", key, "seeds are no settings to choose from", "say how many with --seeds")
        if head in Recipe.model_fields and head not in SWEPT:
            what = "the data are looked at and split once, the same for all trials"
            raise UsageError("NOT_SWEPT", key, what, f"sweep settings of {', '.join(SWEPT)}; give this one with --set")


def check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Whether a folder's sweep is the one that is asked for; a search may be given more trials.

    Raises:
        UsageError: It is another one; the message has what differs.
    """
    differ = [k for k in sorted({*before, *now}) if before.get(k) != now.get(k)]
    if differ == ["trials"] and before["trials"] and (now["trials"] or 0) >= before["trials"]:
        return
    if differ:
        what = f"it holds another sweep: {', '.join(differ)} differ"
        raise UsageError("OTHER_SWEEP", "-o", what, "give the command that it was begun with, or name another folder with -o")
