"""When a run has stopped getting better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sagittal.engine.settings import Direction, Stop, lower_is_better
from sagittal.errors import UsageError, nearest

Verdict = Literal["go on", "drop", "stop"]
Row = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitor:
    """One watched number: its running average, the best of it, and for how long there was no better.

    Args:
        watch: Its name.
        lower: Whether less is better.
        smoothing: The share of the newest value in the running average; the first value is taken whole.
        least: How much better it must be to count.
        average: So far; None before the first value.
        best: The best average so far.
        stalled: Epochs since then.

    >>> monitor = Monitor(watch="loss", lower=True)
    >>> for value in (1.0, 0.5, 0.7, 0.6):
    ...     monitor = monitor.after(value)
    >>> monitor.best, monitor.stalled
    (0.5, 2)
    """

    watch: str
    lower: bool
    smoothing: float = 1.0
    least: float = 0.0
    average: float | None = None
    best: float | None = None
    stalled: int = 0

    @classmethod
    def of(cls, watch: str, mode: Direction = "auto", *, smoothing: float = 1.0, least: float = 0.0) -> Monitor:
        """A fresh one, which knows whether less is better of a number of this name."""
        return cls(watch=watch, lower=lower_is_better(watch, mode), smoothing=smoothing, least=least)

    def after(self, value: float | None) -> Monitor:
        """The monitor after one more epoch. None (undefined in this epoch) is no better than what there was."""
        if value is None:
            return replace(self, stalled=self.stalled + 1)
        average = value if self.average is None else self.smoothing * value + (1.0 - self.smoothing) * self.average
        if self.best is None or (self.best - average if self.lower else average - self.best) > self.least:
            return replace(self, average=average, best=average, stalled=0)
        return replace(self, average=average, stalled=self.stalled + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """One or two monitors and what follows from them.

    One: it stalls, the run stops. Two, as the published COVID-CT network was trained: the first stalls alone, the learning
    rate drops and both count from 0 again; both stall, the run stops; the second stalls alone, nothing happens.
    """

    patience: int
    first: Monitor
    second: Monitor | None = None

    @classmethod
    def of(cls, stop: Stop) -> Watch:
        """What these settings ask for."""
        first = Monitor.of(stop.watch, smoothing=stop.smoothing, least=stop.least)
        second = Monitor.of(stop.also, smoothing=stop.smoothing, least=stop.least) if stop.also else None
        return cls(patience=stop.patience, first=first, second=second)

    def after(self, row: Row) -> tuple[Watch, Verdict]:
        """The watch after the epoch of this row, and what to do."""
        first = self.first.after(watched(row, self.first.watch))
        second = self.second.after(watched(row, self.second.watch)) if self.second else None
        after = replace(self, first=first, second=second)
        if first.stalled < self.patience:
            return after, "go on"
        if second is None or second.stalled >= self.patience:
            return after, "stop"
        return replace(after, first=replace(first, stalled=0), second=replace(second, stalled=0)), "drop"

    def record(self) -> dict[str, Any]:
        """For ``state.json``."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Watch:
        """From what ``record`` made."""
        second = record["second"]
        return cls(patience=int(record["patience"]), first=Monitor(**record["first"]), second=None if second is None else Monitor(**second))


def watched(row: Row, name: str) -> float | None:
    """The number of this name in a row of the log: ``loss`` and ``val_loss`` are the same.

    Raises:
        UsageError: The validation gives no such number; the message has those that it gives.

    >>> watched({"val_loss": 0.5}, "loss")
    0.5
    """
    column = f"val_{name.removeprefix('val_')}"
    if column not in row:
        known = [k.removeprefix("val_") for k in row if k.startswith("val_")]
        raise UsageError("UNKNOWN_WATCH", name, f"validation gives {', '.join(known)}", nearest(name, known))
    return row[column]
