"""What the data decided: one frozen, readable record that training, prediction and the package share."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from sagittal.core.labels import Labels
from sagittal.engine.operating import Rule
from sagittal.engine.prepare import Preparation
from sagittal.engine.settings import Feeding, TrainSettings
from sagittal.errors import UsageError, nearest
from sagittal.models._members import Members
from sagittal.models._network import Network, generator
from sagittal.shelf import Shelf
from sagittal.tasks._task import Task
from sagittal.windows._windowing import Windowing

T = TypeVar("T")

FORMAT, VERSION = "sagittal-plan", 1

TASKS = Shelf("sagittal.tasks", kind="task")
WINDOWS = Shelf("sagittal.windows", kind="windowing")
MODELS = Shelf("sagittal.models", kind="model")
LOSSES = Shelf("sagittal.losses", kind="loss")
EXPLAINERS = Shelf("sagittal.explainers", kind="explainer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One decision: what, the value, and why."""

    what: str
    value: object
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part on a shelf with its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """In which units a network answers, a number an output channel: ``answer = mean + std * raw``.

    Args:
        mean: Of the training targets.
        std: Their spread.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """What the training cases say, from which trivial answers to other cases are made.

    Args:
        n: How many cases (or windows, where each is answered).
        mean: The share of them that have each class, or the mean of each value.
    """

    n: int
    mean: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All decisions of a run.

    Args:
        task: Name of the row.
        labels: The classes, which one is positive.
        preparation: From a file to what enters the network.
        windows: What the network sees at once.
        unit: Whether a case or each window is answered.
        model: The network and its options, channels and outputs left out.
        pretrained: Where the starting weights come from; None is from scratch.
        freeze: Which stages do not learn.
        members: How many networks are trained side by side and answer together.
        views: Augmented views a case whose features a frozen trunk computes once.
        augment: Names of transforms with their options, in order.
        varied: The same for samples that every second network draws; empty where all are changed alike.
        loss: And its options.
        feeding: How batches are put together.
        train: All that the loop wants to know.
        flips: Axes of mirrored views that are averaged in an answer.
        sensitivity: At which the operating point is put, where the rule is that.
        abstain_error: The share of errors that the answers outside the abstain band may have.
        explain: The explainer and its options.
        explain_cases: How many cases of each kind are explained.
        seed: Of everything random.
        fingerprint: Digest of the manifest that the plan was made from.
        rule: How the operating point is put.
        postprocess: Whether validation may switch on what tidies label maps.
        metrics: Of drawn answers, chosen beside or instead of the task's: options, true or false by name.
        max_ram: GiB for the windows of a drawn answer, which decide how large they are; None keeps the trained ones.
        precision: Of drawn answers: ``auto`` computes them in bf16 where the hardware does and they agree with fp32.
        specificity: At which it is put, where the rule is that.
        units: In which the network answers; None for logits.
        shares: What the training cases say; None where the task's truths make no table.
        reasons: Why.
    """

    task: str
    labels: Labels
    preparation: Preparation
    windows: Part
    unit: str
    model: Part
    pretrained: str | None
    freeze: str | tuple[str, ...] | None
    members: int
    views: int
    augment: Mapping[str, Any]
    loss: Part
    feeding: Feeding
    train: TrainSettings
    flips: tuple[int, ...]
    sensitivity: float
    abstain_error: float
    explain: Part
    explain_cases: int
    seed: int
    fingerprint: str
    rule: Rule = "sensitivity"
    postprocess: bool = True
    metrics: Mapping[str, Any] = field(default_factory=dict)
    max_ram: float | None = None
    precision: Literal["fp32", "auto"] = "fp32"
    specificity: float = 0.95
    varied: Mapping[str, Any] = field(default_factory=dict)
    units: Units | None = None
    shares: Shares | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def row(self) -> Task:
        """The task."""
        return cast(Task, TASKS.get(self.task))

    @property
    def windowing(self) -> Windowing:
        """What the network sees at once."""
        return cast(Windowing, WINDOWS.make(self.windows.name, self.windows.options))

    def network(self) -> Network:
        """The network with fresh weights drawn from the seed, frozen as planned."""
        axes, count, thin = self.preparation.axes, self.preparation.count, self.windowing.thin
        if thin is not None:
            axes, count = axes - 1, count * thin.channels
        head = self.row.head(self.labels, axes)
        given = {"channels": count, "outputs": head.channels, "axes": axes}

        def make(seed: int) -> Network:
            made = cast(Network, MODELS.make(self.model.name, self.model.options, **given, generator=generator(seed)))
            return made if self.units is None else made.answering_in(self.units.mean, self.units.std)

        net = make(self.seed) if self.members == 1 else Members(make, self.members, self.seed)
        if net.dense != head.dense:
            wanted = "an answer for every sample" if head.dense else "one answer a case"
            raise UsageError("MODEL", self.model.name, f"does not give {wanted}, which the task asks for", "set model.name to another")
        net.freeze(self.freeze)
        return net

    def record(self) -> dict[str, Any]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in {"labels", "preparation", "reasons"}}
        return {
            "format": FORMAT,
            "version": VERSION,
            "reasons": [dataclasses.asdict(r) for r in self.reasons],
            "labels": self.labels.record(),
            "preparation": self.preparation.record(),
            **{k: dataclasses.asdict(v) if dataclasses.is_dataclass(v) and not isinstance(v, type) else v for k, v in plain.items()},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Plan:
        """A plan from what :meth:`record` gave.

        Raises:
            UsageError: A key that no plan has.
        """
        known = {k: v for k, v in record.items() if k not in {"format", "version", "labels", "preparation", "reasons"}}
        return build(
            cls,
            known,
            "plan",
            labels=Labels.from_record(record["labels"]),
            preparation=Preparation.from_record(record["preparation"]),
            reasons=tuple(Reason(**r) for r in record.get("reasons", ())),
        )


def build(kind: type[T], record: Mapping[str, Any], where: str, **ready: Any) -> T:
    """A dataclass from plain values: nested dataclasses from mappings, tuples from lists.

    Args:
        kind: The dataclass.
        record: Its fields as YAML or JSON gives them.
        where: For messages.
        ready: Fields that are already what they should be.

    Raises:
        UsageError: A field that it does not have, or a value that does not fit.
    """
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(cast(Any, kind))]
    values = dict(ready)
    for key, value in record.items():
        if key not in names:
            raise UsageError("UNKNOWN_KEY", f"{where}.{key}", "there is no such setting", nearest(key, names))
        values[key] = _fitted(hints[key], value, f"{where}.{key}")
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError("SETTING", where, str(error), "see `sagittal list settings`") from None


def _fitted(hint: Any, value: Any, where: str) -> Any:
    """A plain value as the type says; ``bool`` is no number and a text is no list."""
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        return _one_of(typing.get_args(hint), value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, Mapping):
            return build(hint, value, where)
        first = dataclasses.fields(hint)[0].name
        return build(hint, {first: value}, where)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError("SETTING", where, f"{value!r} is not a list", "give a list: [...]")
        inner = typing.get_args(hint)[0]
        return tuple(_fitted(inner, v, f"{where}[{i}]") for i, v in enumerate(value))
    if hint is float:
        return _number(value, where)
    if hint is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise UsageError("SETTING", where, f"{value!r} is not a whole number", "give a whole number")
    if (hint is str and not isinstance(value, str)) or (typing.get_origin(hint) is typing.Literal and not isinstance(value, str)):
        raise UsageError("SETTING", where, f"{value!r} is not a word", "give a word")
    if hint is bool and not isinstance(value, bool):
        raise UsageError("SETTING", where, f"{value!r} is neither true nor false", "give true or false")
    return value


def _one_of(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None:
        if type(None) in hints:
            return None
        raise UsageError("SETTING", where, "cannot be empty", "give a value")
    rest = [h for h in hints if h is not type(None)]
    fits = [h for h in rest if (h is str) == isinstance(value, str)] or rest
    return _fitted(fits[0], value, where)


def _number(value: Any, where: str) -> float:
    try:
        # YAML 1.1 reads 1e-3 as a text.
        if isinstance(value, bool) or not math.isfinite(found := float(value)):
            raise ValueError
    except (TypeError, ValueError):
        raise UsageError("SETTING", where, f"{value!r} is not a number", "give a number") from None
    return found
