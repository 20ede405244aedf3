"""Training: one loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from sagittal.data.batch import Source
from sagittal.engine.settings import TrainSettings
from sagittal.losses._loss import Loss

Measure = Callable[[Tensor, Tensor], Mapping[str, float | tuple[float, int]]]
"""``(outputs, targets) -> {name: number}`` of the whole validation at once, or ``{name: (sum, n)}`` a batch at a time."""


def _nothing(_: str) -> None:
    """Where nobody listens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """What the loop tells others, and what it asks of them.

    Args:
        say: Gets a line for people now and then.
        clock: Seconds; for the time budget and the speed.
        reached: Gets the name of every point that the loop and the writing of a checkpoint pass.
        tensorboard: Where the events go; None writes none.
    """

    say: Callable[[str], None] = _nothing
    clock: Callable[[], float] = time.monotonic
    reached: Callable[[str], None] = _nothing
    tensorboard: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """What training gave.

    Args:
        model: The network with its best weights.
        best: ``{"epoch": 3, "watch": "loss", "value": 0.2}``, the epoch counted from 0.
        history: The rows of ``log.csv``.
        ended: Why it ended, in a sentence.
        epochs: How many epochs were trained.
        steps: How many times the weights were updated.
        seconds: How long it took, all resumed parts together.
    """

    model: nn.Module
    best: Mapping[str, object]
    history: list[dict[str, float | None]] = field(repr=False)
    ended: str
    epochs: int
    steps: int
    seconds: float


def fit(  # noqa: D417
    model: nn.Module,
    *,
    train: Source,
    val: Source,
    loss: Loss,
    settings: TrainSettings,
    folder: Path,
    seed: int,
    device: torch.device,
    measure: Measure | None = None,
    hooks: Hooks | None = None,
    resume: bool = False,
) -> Fitted:
    """Train ``model`` and give it back with its best weights.

    Args:
        folder: The run directory: ``checkpoints/``, ``log.csv`` and ``speed.csv`` are written there.
        resume: Go on from ``checkpoints/last`` where there is one, else begin.
    """
    raise NotImplementedError
