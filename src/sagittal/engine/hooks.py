"""What the training loop is told and tells, and what it gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from sagittal.engine.progress import Lines, Progress, Silent
from sagittal.engine.shown import View, grey
from sagittal.engine.state import Row


def _passed(_: str) -> None:
    """Where nobody wants to know."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Hooks:
    """What the loop tells others, and what it asks of them.

    Args:
        progress: Shows how far the run is; see ``progress_on``. None shows lines through ``say``.
        say: Takes a line for people; None keeps silent.
        tensorboard: Where the events go; None writes none.
        classes: Their names, for pictures of what is taken for what.
        view: How an image is shown there.
        clock: Seconds; for the time budget and the speed.
        reached: Gets the name of every point that the loop and the writing of a checkpoint pass; tests stop there.
    """

    progress: Progress | None = None
    say: Callable[[str], object] | None = None
    tensorboard: Path | None = None
    classes: tuple[str, ...] = ()
    view: View = grey
    clock: Callable[[], float] = time.monotonic
    reached: Callable[[str], None] = _passed

    def shown(self) -> Progress:
        """Whoever shows the progress."""
        if self.progress is not None:
            return self.progress
        return Silent() if self.say is None else Lines(self.say, clock=self.clock)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """What training gave.

    Args:
        model: The network with its best weights.
        best: ``{"epoch": 3, "step": 120, "watch": "loss", "value": 0.2, "row": {...}}``, the epoch as in ``log.csv``.
        history: The rows of ``log.csv``.
        ended: Why it ended, in a sentence.
        epochs: How many epochs were trained.
        steps: How many times the weights were updated.
        seconds: How long it took, all resumed parts together.
    """

    model: nn.Module
    best: Mapping[str, Any]
    history: list[Row] = field(repr=False)
    ended: str
    epochs: int
    steps: int
    seconds: float
