"""What a person sees while a run trains: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

PLAIN_EVERY_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Now:
    """Where the run is.

    Args:
        epoch: From 0 on.
        epochs: At most.
        batch: How many batches of the epoch are done.
        batches: How many it has.
        loss: Mean of the epoch so far.
        speed: Images a second.
        left_s: Estimated seconds to the end of the run; None while nothing is known.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    speed: float
    left_s: float | None


class Progress(Protocol):
    """Whoever shows how far a run is."""

    def step(self, now: Now) -> None:
        """After every step."""
        ...

    def epoch(self, row: Mapping[str, float | None], *, best: bool) -> None:
        """After every validation, with its row of the log."""
        ...

    def say(self, line: str) -> None:
        """Something worth a line."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, now: Now) -> None:
        """Nothing."""

    def epoch(self, row: Mapping[str, float | None], *, best: bool) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line an epoch, and one every half minute within long epochs.

    Args:
        write: Takes a line.
        clock: Seconds.

    >>> Lines(print).epoch({"epoch": 1, "train_loss": 0.5, "val_loss": 0.25, "val_auc": None}, best=True)
    epoch 1: train_loss 0.5000, val_loss 0.2500, val_auc undefined (best so far)
    """

    def __init__(self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._last = clock()

    def step(self, now: Now) -> None:
        """A line when the last one is old."""
        if self._clock() - self._last >= PLAIN_EVERY_S:
            self.say(sentence(now))

    def epoch(self, row: Mapping[str, float | None], *, best: bool) -> None:
        """A line."""
        self.say(_row_text(row, best=best))

    def say(self, line: str) -> None:
        """The line."""
        self._last = self._clock()
        self._write(line)

    def close(self) -> None:
        """Nothing."""


class Bar:
    """A bar on a terminal; every epoch leaves its line above it."""

    def __init__(self, stream: TextIO) -> None:
        # imported here: only a terminal needs it
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), console=Console(file=stream), transient=True
        )
        self._task: Any = None

    def step(self, now: Now) -> None:
        """Move the bar."""
        name = f"epoch {now.epoch + 1}/{now.epochs}"
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task(name, total=now.batches, text="")
        self._bar.update(self._task, description=name, total=now.batches, completed=now.batch, text=_details(now))

    def epoch(self, row: Mapping[str, float | None], *, best: bool) -> None:
        """A line above the bar."""
        self.say(_row_text(row, best=best))

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._bar.console.print(line, highlight=False, markup=False)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def progress_on(stream: TextIO) -> Progress:
    """A bar where the stream is a terminal, else plain lines."""
    if stream.isatty():
        return Bar(stream)

    def write(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    return Lines(write)


def sentence(now: Now) -> str:
    """Where the run is, in words.

    >>> sentence(Now(epoch=1, epochs=20, batch=5, batches=40, loss=0.5, speed=31.2, left_s=754.0))
    'epoch 2/20, batch 5/40: loss 0.5000, 31 images/s, 12 min 34 s left'
    """
    return f"epoch {now.epoch + 1}/{now.epochs}, batch {now.batch}/{now.batches}: {_details(now)}"


def _details(now: Now) -> str:
    left = "" if now.left_s is None else f", {time_text(now.left_s)} left"
    speed = f"{now.speed:.0f}" if now.speed >= 10 else f"{now.speed:.2g}"
    return f"loss {now.loss:.4f}, {speed} images/s{left}"


def time_text(seconds: float) -> str:
    """A duration for people.

    >>> time_text(42), time_text(90), time_text(7384)
    ('42 s', '1 min 30 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _row_text(row: Mapping[str, float | None], *, best: bool) -> str:
    # The scores of single classes stand in log.csv: a line of many is not read.
    shown = {k: v for k, v in row.items() if k.startswith(("train_", "val_")) and ":" not in k}
    parts = [f"{k} undefined" if v is None else f"{k} {v:.4f}" for k, v in shown.items()]
    return f"epoch {int(row['epoch'] or 0)}: {', '.join(parts)}{' (best so far)' if best else ''}"
