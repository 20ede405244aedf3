"""How a network is trained: plain values, checked when they are put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sagittal.errors import UsageError

LAST = "last"
"""Watched as the best: the newest weights are kept, whatever validation says."""

Direction = Literal["auto", "min", "max"]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop"]
Precision = Literal["auto", "fp32", "bf16"]
SCHEDULES = frozenset({"constant", "staircase", "cosine", "plateau"})

LOWER_IS_BETTER = frozenset({"loss", "mae", "mse", "rmse", "brier", "log_loss", "ece", "assd", "hd", "hd95"})
"""Watched numbers of which less is better; of every other, more is."""


def lower_is_better(watch: str, mode: Direction = "auto") -> bool:
    """Whether less is better of a watched number.

    >>> lower_is_better("loss"), lower_is_better("accuracy"), lower_is_better("accuracy", "min")
    (True, False, True)
    """
    return mode == "min" or (mode == "auto" and watch.removeprefix("val_") in LOWER_IS_BETTER)


def _require(true: bool, name: str, given: object, wanted: str) -> None:  # noqa: FBT001 (a condition, not an option)
    if not true:
        raise UsageError("SETTING", f"train.{name}", f"{given!r} is not {wanted}", f"give {wanted}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """How the learning rate runs.

    Args:
        name: ``constant``; ``staircase``: times ``factor`` after every epoch; ``cosine``: down to ``floor`` at
            the end of the run; ``plateau``: times ``factor`` whenever ``watch`` stalls for ``patience`` epochs.
        factor: For the staircase (0.95, as the published gastric FCN has it) and the plateau (0.1); None takes these two.
        floor: What is left of the learning rate at the end of the cosine, as a share.
        warmup: The share of the run over which the learning rate rises from nearly 0; any schedule can have it.
        watch: For the plateau: ``loss`` or a name that ``measure`` gives.
        patience: For the plateau: epochs without a better value.
    """

    name: Literal["constant", "staircase", "cosine", "plateau"] = "cosine"
    factor: float | None = None
    floor: float = 0.0
    warmup: float = 0.0
    watch: str = "loss"
    patience: int = 3

    def __post_init__(self) -> None:
        _require(self.name in SCHEDULES, "schedule.name", self.name, "constant, staircase, cosine or plateau")
        _require(self.factor is None or 0 < self.factor <= 1, "schedule.factor", self.factor, "above 0 and at most 1")
        _require(0 <= self.floor <= 1, "schedule.floor", self.floor, "from 0 to 1")
        _require(0 <= self.warmup < 1, "schedule.warmup", self.warmup, "a share of the run, from 0 to below 1")
        _require(self.patience >= 1, "schedule.patience", self.patience, "at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """When to stop before the last epoch.

    With one watched number the run stops when it stalls. With two (as the published COVID-CT network was
    trained), the learning rate is multiplied by ``drop`` when the first stalls alone, and the run stops when both stall.

    Args:
        watch: ``loss`` (of validation) or a name that ``measure`` gives.
        also: The second watched number.
        patience: Epochs without a better value that make a stall.
        smoothing: The share of the newest value in the running average that is watched: 1 watches raw values, the published
            COVID-CT network was watched with 0.2.
        drop: The learning rate times this, whenever the first of two watched numbers stalls alone.
        least: How much better a value must be to count.
    """

    watch: str = "loss"
    also: str | None = None
    patience: int = 10
    smoothing: float = 1.0
    drop: float = 0.1
    least: float = 0.0

    def __post_init__(self) -> None:
        _require(self.patience >= 1, "stop.patience", self.patience, "at least 1")
        _require(0 < self.smoothing <= 1, "stop.smoothing", self.smoothing, "above 0 and at most 1")
        _require(0 < self.drop < 1, "stop.drop", self.drop, "between 0 and 1")
        _require(self.least >= 0, "stop.least", self.least, "at least 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """Which epoch's weights are kept: the best by this number, the earlier one of two equals.

    Args:
        watch: ``loss`` (of validation), a name that ``measure`` gives, or ``last``: always the newest, where
            there are too few validation cases to choose by.
        mode: Whether less or more is better.
    """

    watch: str = "loss"
    mode: Direction = "auto"

    def __post_init__(self) -> None:
        _require(self.mode in {"auto", "min", "max"}, "best.mode", self.mode, "auto, min or max")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfreeze:
    """After so many epochs these frozen stages learn too, at their own learning rate.

    Args:
        epoch: How many epochs pass before; 0 lets them learn from the start.
        stages: Names of the network's stages.
        lr: Their learning rate; None takes the run's. The schedule acts on it as on the run's.
    """

    epoch: int
    stages: tuple[str, ...]
    lr: float | None = None

    def __post_init__(self) -> None:
        _require(self.epoch >= 0, "unfreeze.epoch", self.epoch, "at least 0")
        _require(len(self.stages) > 0, "unfreeze.stages", self.stages, "at least one stage")
        _require(self.lr is None or self.lr > 0, "unfreeze.lr", self.lr, "above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """How often the state is saved. Whatever is set here, a resumed run gives the same result.

    Args:
        epochs: At the end of every so many epochs.
        steps: After every so many steps too.
        least_s: Not before so many seconds have passed since the last time, and not before 20 times as long as that
            saving took; the end of the run and Ctrl-C do not wait. Bringing a file safely to a disk takes longer
            than an epoch of a small network. 0 always saves when it is time.
        most_s: In the middle of a long epoch too, when so many seconds have passed.
    """

    epochs: int = 1
    steps: int | None = None
    least_s: float = 20.0
    most_s: float = 600.0

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "checkpoint.epochs", self.epochs, "at least 1")
        _require(self.steps is None or self.steps >= 1, "checkpoint.steps", self.steps, "at least 1")
        _require(self.least_s >= 0, "checkpoint.least_s", self.least_s, "at least 0")
        _require(self.most_s > 0, "checkpoint.most_s", self.most_s, "above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Feeding:
    """How batches are put together.

    Args:
        rounds: How often an epoch goes through the cases; more than once where there are few.
        balance: Every class equally often in an epoch.
        class_weights: Rare classes weigh more in the loss instead.
        workers: Processes that read and augment beside the training; 0 does it in the same process.
        cache_mb: Decoded pictures kept in memory, by each process.
        gather: Who reads training windows through their maps and changes their intensities: the ``workers``, a sample at a time, or
            the ``device``, a batch at once. ``auto``: a GPU reads volumes, the workers everything else.
        prepare: Volumes are prepared in ``memory``, on ``disk`` in the run's folder, or (``auto``) on disk where they
            would take more than ``cache_mb``.
    """

    rounds: int = 1
    balance: bool = False
    class_weights: bool = False
    workers: int = 0
    cache_mb: int = 1024
    prepare: Literal["auto", "memory", "disk"] = "auto"
    gather: Literal["auto", "workers", "device"] = "auto"

    def __post_init__(self) -> None:
        _require(self.rounds >= 1, "rounds", self.rounds, "at least 1")
        _require(self.workers >= 0, "workers", self.workers, "at least 0")
        _require(self.cache_mb >= 0, "cache_mb", self.cache_mb, "at least 0")
        _require(self.prepare in {"auto", "memory", "disk"}, "prepare", self.prepare, "auto, memory or disk")
        _require(self.gather in {"auto", "workers", "device"}, "gather", self.gather, "auto, workers or device")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSettings:
    """All that ``fit`` wants to know.

    Args:
        epochs: At most so many passes over the training samples.
        minutes: A time budget that the run fits itself to; None has no limit.
        batch: Samples in a batch, over all processes together; networks that train side by side have so many each.
        accumulate: Batches in a step.
        optimizer: ``sgd``, ``adam``, ``adamw`` or ``rmsprop``.
        lr: The learning rate at its highest.
        momentum: For sgd and rmsprop.
        weight_decay: As the optimizer means it: L2 for sgd, adam and rmsprop, decoupled for adamw. A recipe may call it ``l2``.
        decay_all: Decay biases and norms too (as the published systems do), not only what multiplies inputs.
        schedule: How the learning rate runs.
        stop: When to stop early; None goes on to the end.
        best: Which epoch is kept.
        ema: The decay of the running average of the weights, such as 0.999: the average is then what is evaluated
            and kept. None has none.
        clip: The largest norm of the gradient; None does not clip.
        precision: ``auto`` is bf16 where the device computes in it and the network has convolutions.
        channels_last: The memory layout of convolutions; ``auto`` where it is the faster one.
        unfreeze: Stages that learn later.
        checkpoint: How often the state is saved.
        max_ram: GiB that a step may take: windows of volumes are made smaller, and fewer a step, until it does.

    Raises:
        UsageError: A value out of its range; the message names the setting.

    >>> TrainSettings(batch=128, epochs=20, optimizer="adam", stop=Stop(watch="loss", patience=3)).lr
    0.001
    """

    epochs: int = 20
    minutes: float | None = None
    batch: int = 32
    accumulate: int = 1
    optimizer: Optimizer = "adamw"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay_all: bool = False
    schedule: Schedule = field(default_factory=Schedule)
    stop: Stop | None = None
    best: Best = field(default_factory=Best)
    ema: float | None = None
    clip: float | None = None
    precision: Precision = "auto"
    channels_last: Literal["auto", "yes", "no"] = "auto"
    unfreeze: tuple[Unfreeze, ...] = ()
    checkpoint: Every = field(default_factory=Every)
    max_ram: float = 4.0

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(self.minutes is None or self.minutes > 0, "minutes", self.minutes, "above 0")
        _require(self.batch >= 1, "batch", self.batch, "at least 1")
        _require(self.accumulate >= 1, "accumulate", self.accumulate, "at least 1")
        _require(self.optimizer in {"sgd", "adam", "adamw", "rmsprop"}, "optimizer", self.optimizer, "sgd, adam, adamw or rmsprop")
        _require(self.lr > 0, "lr", self.lr, "above 0")
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "from 0 to below 1")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "at least 0")
        _require(self.ema is None or 0 < self.ema < 1, "ema", self.ema, "between 0 and 1")
        _require(self.clip is None or self.clip > 0, "clip", self.clip, "above 0")
        _require(self.max_ram > 0, "max_ram", self.max_ram, "above 0")
        _require(self.precision in {"auto", "fp32", "bf16"}, "precision", self.precision, "auto, fp32 or bf16")
        _require(self.channels_last in {"auto", "yes", "no"}, "channels_last", self.channels_last, "auto, yes or no")
