"""What the values of a package must be to be used: names that are on our shelves, numbers that make sense."""

from __future__ import annotations

import itertools
import math
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from sagittal.core.labels import Labels
from sagittal.engine._strict import conform
from sagittal.engine.calibrate import Calibration
from sagittal.engine.case_scores import METRICS, case_metrics
from sagittal.engine.operating import OperatingPoint
from sagittal.engine.plan import EXPLAINERS, LOSSES, MODELS, TASKS, WINDOWS, Part, Plan
from sagittal.engine.postprocess import Postprocessing
from sagittal.engine.prepare import Preparation
from sagittal.engine.validation import COMPARED, LEVELS, MOST_MEASURES, Validation
from sagittal.io.guard import Limits
from sagittal.ops.scale import RULES
from sagittal.shelf import Shelf
from sagittal.tasks._task import Task
from sagittal.transforms._compose import SHELF as TRANSFORMS

LARGEST_SIDE = 16_384
LARGEST_OPTION = 1_000_000
LARGEST_VOLUME = 1e9
MOST_CASES = 10**9
MOST_IN_OPTION = 64
MOST_MEMBERS = 64
MOST_CLASSES = 10_000
MOST_RAM = 4096.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

# What the engine gives to a part; a file cannot.
_GIVEN: Mapping[str, frozenset[str]] = {
    "model": frozenset({"channels", "outputs", "axes", "generator"}),
    "explainer": frozenset({"model", "x", "attend"}),
}


def check_plan_names(record: Mapping[str, Any]) -> None:
    """Check that the parts of a plan's record are on our shelves and take the options, before anything is made of it.

    Raises:
        ValueError: A part that is not there, or an option that it does not have or that is of another kind.
    """
    _on_shelf(TASKS, record["task"])
    for shelf, key in ((MODELS, "model"), (WINDOWS, "windows"), (LOSSES, "loss"), (EXPLAINERS, "explain")):
        _part(shelf, record[key]["name"], record[key].get("options", {}))
    for name, value in record.get("metrics", {}).items():
        _part(METRICS, name, value if isinstance(value, dict) else {})
    for where in ("augment", "varied"):
        for name, value in record.get(where, {}).items():
            _on_shelf(TRANSFORMS, name)
            for key, option in value.items() if isinstance(value, dict) else [("", value)]:
                _option(option, f"{where}.{name}.{key}".rstrip("."))


def check_plan(plan: Plan) -> None:
    """Check the numbers of a plan.

    Raises:
        ValueError: One that makes no sense, or that would ask for more memory than any honest model.
    """
    _labels(plan.labels)
    _preparation(plan.preparation)
    _windows(plan.windows)
    axes = plan.preparation.axes
    _require(len(set(plan.flips)) == len(plan.flips) and all(0 <= a < axes for a in plan.flips), "flips", plan.flips)
    _require(1 <= plan.members <= MOST_MEMBERS, "members", plan.members)
    _require(0 <= plan.explain_cases <= LARGEST_SIDE, "explain_cases", plan.explain_cases)
    _require(plan.unit in {"case", "window"}, "unit", plan.unit)
    _require(plan.precision in {"fp32", "auto"}, "precision", plan.precision)
    _require(plan.max_ram is None or 0 < plan.max_ram <= MOST_RAM, "max_ram", plan.max_ram)
    _require(0 < plan.sensitivity < 1, "sensitivity", plan.sensitivity)
    _require(0 < plan.specificity < 1, "specificity", plan.specificity)
    _require(0 < plan.abstain_error < 1, "abstain_error", plan.abstain_error)
    _require(plan.seed >= 0, "seed", plan.seed)
    case_metrics(plan.row, plan.metrics)
    _units(plan)
    _shares(plan)
    _require(_DIGEST.fullmatch(plan.fingerprint) is not None, "fingerprint", plan.fingerprint)
    _require(plan.pretrained is None or not {"/", "\\"} & set(ascii(plan.pretrained)), "pretrained", ascii(plan.pretrained))


def _units(plan: Plan) -> None:
    """One mean and one spread an output, where the task has units at all."""
    if plan.units is None:
        return
    channels = plan.row.head(plan.labels, plan.preparation.axes).channels
    _require(plan.row.units is not None, "units", plan.task, "answers in none")
    _require(len(plan.units.mean) == len(plan.units.std) == channels, "units", plan.units, f"are not those of {channels} outputs")
    _require(all(math.isfinite(v) for v in plan.units.mean), "units.mean", plan.units.mean)
    _require(all(math.isfinite(v) and v > 0 for v in plan.units.std), "units.std", plan.units.std)


def _shares(plan: Plan) -> None:
    """One number a class or value; of classes a share."""
    if plan.shares is None:
        return
    mean, classes = plan.shares.mean, plan.row.calibrated
    _require(bool(plan.row.metrics), "shares", plan.task, "makes no table of truths")
    _require(plan.shares.n >= 0, "shares.n", plan.shares.n)
    _require(len(mean) == len(plan.labels), "shares.mean", f"{len(mean)} numbers", f"are not those of {len(plan.labels)} classes")
    _require(all(math.isfinite(v) and (not classes or 0 <= v <= 1) for v in mean), "shares.mean", mean[:5])


def check_fitted(task: Task, labels: Labels, calibration: Calibration | None, operating: OperatingPoint | None) -> None:
    """Check that calibration and operating point are for this task and these classes.

    Raises:
        ValueError: They are not.
    """
    if calibration is None and operating is None:
        return
    _require(task.calibrated, "task", task.name, "has no probabilities, so nothing to calibrate")
    if calibration is not None:
        _require(calibration.classes == labels.classes, "calibration.classes", calibration.classes, "are not the model's classes")
        _require(all(1e-4 <= s <= 1e4 for s in calibration.slope), "calibration.slope", calibration.slope)
        _require(all(abs(s) <= 1e4 for s in calibration.shift), "calibration.shift", calibration.shift)
        _require(calibration.n >= 0, "calibration.n", calibration.n)
        plain = all(s == 1 for s in calibration.slope) and not any(calibration.shift)
        _require(calibration.kind != "identity" or plain, "calibration.kind", calibration.kind, "changes something all the same")
        _require(
            calibration.kind != ("platt" if task.exclusive else "temperature"),
            "calibration.kind",
            calibration.kind,
            "does not fit the task",
        )
    if operating is not None:
        _require(operating.classes == labels.classes, "operating_point.classes", operating.classes, "are not the model's classes")
        _require(operating.exclusive == task.exclusive, "operating_point.exclusive", operating.exclusive, "does not fit the task")
        named = [t.label for t in operating.thresholds]
        _require(len(set(named)) == len(named), "operating_point.thresholds", named, "name a class twice")
        shares = [operating.wanted, operating.error_wanted, operating.abstained, operating.error_left]
        shares += [v for t in operating.thresholds for v in (t.sensitivity, t.specificity)]
        _require(all(v is None or 0 <= v <= 1 for v in shares), "operating_point", shares, "holds shares that are none")


def check_postprocessing(task: Task, labels: Labels, tidying: Postprocessing | None) -> None:
    """Check that what tidies label maps is for this task and these classes.

    Raises:
        ValueError: It is not.
    """
    if tidying is None:
        return
    _require(bool(task.per_case), "task", task.name, "draws no label maps, so nothing to tidy")
    _require(tidying.background == labels.background, "postprocessing.background", tidying.background, "is not the model's background")
    for steps in (tidying.steps, tidying.left):
        names = [(s.name, s.label) for s in steps]
        _require(len(set(names)) == len(names), "postprocessing.steps", names[:5], "name a step twice")
        _require(all(s.label in labels.classes and s.label != labels.background for s in steps), "postprocessing.steps", names[:5])
    _require(all(s.volume is None or s.volume <= LARGEST_VOLUME for s in tidying.steps), "postprocessing.steps", "a huge volume")
    _require(tidying.n >= 0, "postprocessing.n", tidying.n)


def check_validation(labels: Labels, validation: Validation | None) -> None:
    """Check what is told of validation cases: it is small, and its numbers are in order.

    Raises:
        ValueError: They are not.
    """
    if validation is None:
        return
    names = list(validation.measures)
    _require(len(names) <= MOST_MEASURES, "validation.measures", f"{len(names)} of them")
    _require(all(0 < len(name) <= 200 for name in names), "validation.measures", "an empty or long name")
    for name, spread in validation.measures.items():
        where, quantiles = f"validation.measures.{name[:40]}", spread.quantiles
        _require(1 <= spread.n <= MOST_CASES, where, f"{spread.n} cases")
        _require(len(quantiles) == LEVELS, where, f"{len(quantiles)} quantiles")
        _require(all(a <= b for a, b in itertools.pairwise(quantiles)), where, "quantiles that do not ascend")
    for where, counts in (("validation.answered", validation.answered), ("validation.true", validation.true)):
        _require(counts is None or len(counts) == len(labels), where, "not a number a class")
        _require(all(0 <= n <= MOST_CASES for n in counts or ()), where, (counts or ())[:5])
    _require(set(validation.scores) <= set(COMPARED), "validation.scores", list(validation.scores)[:5], "are not those that are compared")
    for name, bounds in validation.scores.items():
        _require(bounds.low <= bounds.value <= bounds.high, f"validation.scores.{name}", "an interval without its value")


def _on_shelf(shelf: Shelf, name: str) -> None:
    # Refused before the shelf is asked: what is no plain word never reaches an import.
    if _NAME.fullmatch(name) is None or name not in shelf.names():
        raise ValueError(f"names {name[:60]!a}, and there is no {shelf.kind} of this name")


def _part(shelf: Shelf, name: str, options: Mapping[str, Any]) -> None:
    _on_shelf(shelf, name)
    known = shelf.options(name)
    hints = typing.get_type_hints(shelf.get(name))
    for key, value in options.items():
        if key not in known or key in _GIVEN.get(shelf.kind, frozenset()):
            raise ValueError(f"gives {shelf.kind} {name} the option {key[:60]!a}, which it does not have")
        where = f"{name}.{key}"
        _option(value, where)
        conform(value, hints.get(key, Any), where)


def _option(value: Any, where: str) -> None:
    """Plain numbers, texts, and lists and mappings of them, none of them absurd."""
    if isinstance(value, dict):
        _option(list(value), where)
        _option(list(value.values()), where)
    elif isinstance(value, list):
        _require(len(value) <= MOST_IN_OPTION, where, f"a list of {len(value)}")
        for i, item in enumerate(value):
            _require(not isinstance(item, list | dict), f"{where}[{i}]", "nested")
            _option(item, f"{where}[{i}]")
    elif isinstance(value, str):
        _require(len(value) <= 64, where, value[:64])
    elif isinstance(value, int | float):
        _require(abs(value) <= LARGEST_OPTION, where, value)
    else:
        _require(value is None, where, type(value).__name__)


def _labels(labels: Labels) -> None:
    _require(1 <= len(labels) <= MOST_CLASSES, "labels.classes", f"{len(labels)} classes")
    _require(all(0 < len(c) <= 200 and c == c.strip() for c in labels.classes), "labels.classes", "an empty or long name")
    _require(set(labels.codes) <= set(labels.classes), "labels.codes", "a code for no class")
    _require(all(0 <= v <= 32_767 for v in labels.codes.values()), "labels.codes", list(labels.codes.values())[:5])
    _require(len(set(labels.codes.values())) == len(labels.codes), "labels.codes", "one code for two classes")
    _require(set(labels.also) <= set(labels.classes), "labels.also", "numbers for no class")
    numbers = [*(n for c in labels.classes for n in labels.numbers(c)), *labels.ignored]
    _require(all(0 <= n <= 32_767 for n in numbers), "labels.also", "a number that no label file holds")
    _require(len(set(numbers)) == len(numbers), "labels.also", "one number for two classes")
    _require(set(labels.colours) <= set(labels.classes), "labels.colours", "a colour for no class")
    _require(all(_COLOUR.fullmatch(v) for v in labels.colours.values()), "labels.colours", list(labels.colours.values())[:5])
    _require(len(labels.unit) <= 40, "labels.unit", labels.unit[:60])


def _preparation(p: Preparation) -> None:
    _require(p.axes in {0, 2, 3}, "preparation.axes", p.axes)
    sides = (*(p.size or ()), *([p.resize] if p.resize is not None else []), p.multiple)
    _require(all(1 <= s <= LARGEST_SIDE for s in sides), "preparation.size", sides)
    _require(p.size is None or len(p.size) == p.axes, "preparation.size", p.size)
    _require(math.prod(p.size or ()) * max(p.count, 1) <= Limits.default().pixels, "preparation.size", p.size)
    _require(p.spacing is None or len(p.spacing) == p.axes, "preparation.spacing", p.spacing)
    _require(all(1e-2 <= s <= 1e4 for s in p.spacing or ()), "preparation.spacing", p.spacing)
    _require(p.channels != "all" or 1 <= len(p.names) <= 65_536, "preparation.names", f"{len(p.names)} names")
    _require(len(set(p.names)) == len(p.names), "preparation.names", "a name twice")
    for name, numbers in (("low", p.low), ("high", p.high), ("mean", p.mean), ("std", p.std)):
        _require(len(numbers) in {1, p.count}, f"preparation.{name}", f"{len(numbers)} numbers")
    _require(p.scaling in RULES, "preparation.scaling", p.scaling)
    _require(p.order in {"linear", "cubic"}, "preparation.order", p.order)
    _require(all(high > low for low, high in _together(p.low, p.high)), "preparation.high", "not above low")
    _require(all(s > 0 for s in p.std), "preparation.std", "not above 0")


def _together(low: tuple[float, ...], high: tuple[float, ...]) -> Iterable[tuple[float, float]]:
    n = max(len(low), len(high))
    return zip(low * n if len(low) == 1 else low, high * n if len(high) == 1 else high, strict=True)


def _windows(windows: Part) -> None:
    size = windows.options.get("size", 1)
    sides = list(size) if isinstance(size, list) else [size]
    _require(1 <= len(sides) <= 3 and all(1 <= s <= LARGEST_SIDE for s in sides), "windows.size", size)
    _require(math.prod(sides) <= Limits.default().pixels, "windows.size", size)
    overlap = windows.options.get("overlap", 0.0)
    _require(0 <= overlap <= 0.95, "windows.overlap", overlap)
    _require(1 <= windows.options.get("per_case", 1) <= LARGEST_SIDE, "windows.per_case", windows.options.get("per_case"))


def _require(true: bool, where: str, given: object, what: str = "makes no sense") -> None:  # noqa: FBT001 (a condition, not an option)
    if not true:
        raise ValueError(f"{where} {what}: {given if isinstance(given, str) else ascii(given)}"[:200])
