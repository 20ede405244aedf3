"""What came of a sweep: its trials, a table with intervals over seeds, the choice on validation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.special import stdtrit

State = Literal["done", "failed", "died", "open"]

CHOICE = "Validation alone chose: the test split was not touched. The best of many on the same validation cases looks better than it is."
"""Stands in every table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One training of a trial.

    Args:
        name: Of its run, below ``runs/``.
        seed: Of the training; the split is the same for all.
        state: ``done``; ``failed`` for good; ``died`` is begun again when the command is given again; ``open`` has not ended.
        value: The score of validation, of the epoch whose weights were kept.
        epoch: That epoch.
        seconds: Of training.
        reason: Why there is no value.
    """

    name: str
    seed: int
    state: State = "open"
    value: float | None = None
    epoch: int | None = None
    seconds: float | None = None
    reason: str | None = None

    @classmethod
    def of(cls, name: str, seed: int, record: Mapping[str, Any] | None) -> Training:
        """From ``trial.json`` of its run; without one it has not ended."""
        if record is None:
            return cls(name=name, seed=seed)
        return cls(
            name=name,
            seed=seed,
            state=record["state"],
            value=record.get("value"),
            epoch=record.get("epoch"),
            seconds=record.get("seconds"),
            reason=record.get("reason"),
        )

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in {"done", "failed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One combination of settings.

    Args:
        number: From 0, in the order in which they were taken up.
        settings: What was set.
        trainings: One a seed.
    """

    number: int
    settings: Mapping[str, Any]
    trainings: tuple[Training, ...]

    @property
    def state(self) -> State:
        """``done`` where every seed is; a seed that failed makes a failed trial."""
        states = {t.state for t in self.trainings}
        found: State
        for found in ("failed", "died", "open"):
            if found in states:
                return found
        return "done"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return all(t.over for t in self.trainings)

    @property
    def values(self) -> list[float]:
        """The scores of the seeds that are done."""
        return [t.value for t in self.trainings if t.value is not None]

    @property
    def mean(self) -> float | None:
        """Over the seeds that are done."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def reason(self) -> str | None:
        """Why a seed has no value."""
        return next((f"seed {t.seed}: {t.reason}" for t in self.trainings if t.reason), None)

    def interval(self) -> tuple[float, float] | None:
        """Where the mean over seeds lies in 95 of 100 sweeps; None below two seeds. See :func:`t_interval`."""
        return t_interval(self.values)


def t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % t-interval of a mean.

    It says how much training itself varies from seed to seed, on the same split; nothing of other patients.

    >>> low, high = t_interval([0.8, 0.9, 1.0])
    >>> round(low, 3), round(high, 3)
    (0.652, 1.148)
    """
    n = len(values)
    if n < 2:
        return None
    half = float(stdtrit(n - 1, 0.975)) * statistics.stdev(values) / math.sqrt(n)
    mean = statistics.fmean(values)
    return mean - half, mean + half


def ranked(trials: Sequence[Trial], *, lower: bool) -> list[Trial]:
    """The trials whose every seed is done, the best first; of two equals the earlier one.

    A trial that failed with one of its seeds is not there: settings that only sometimes train are no choice.
    """
    done = [(t.mean, t) for t in trials if t.state == "done" and t.mean is not None]
    return [t for _, t in sorted(done, key=lambda pair: (pair[0] if lower else -pair[0], pair[1].number))]


def best_training(trial: Trial, *, lower: bool) -> Training:
    """Of the seeds of a trial the best on validation; of two equals the first."""
    known = [t for t in trial.trainings if t.value is not None]
    return min(known, key=lambda t: (t.value or 0.0) * (1 if lower else -1))


def alike(trials: Sequence[Trial], best: Trial) -> list[Trial]:
    """Other trials whose interval meets the best one's: seeds alone may have made the order."""
    own = best.interval()
    if own is None:
        return []
    others = ((t, t.interval()) for t in trials if t is not best and t.state == "done")
    return [t for t, i in others if i is not None and i[0] <= own[1] and own[0] <= i[1]]


def doubt(trials: Sequence[Trial], best: Trial) -> str:
    """How far luck may have made the order, as part of a sentence."""
    if best.interval() is None:
        return "one seed has no interval: --seeds 3 in another folder would say how much of this is luck"
    close = len(alike(trials, best))
    if not close:
        return "no other trial's interval meets its own"
    others = "the interval of 1 other trial meets" if close == 1 else f"the intervals of {close} other trials meet"
    return f"{others} its own: seeds alone may have made the order"


def rows(trials: Sequence[Trial], keys: Sequence[str], score: str) -> list[dict[str, Any]]:
    """``sweep.csv``, a row a trial, in their order."""
    found = []
    for trial in trials:
        low, high = trial.interval() or (None, None)
        found.append(
            {
                "trial": trial.number,
                **{k: trial.settings[k] for k in keys},
                "state": trial.state,
                "n": len(trial.values),
                f"val_{score}": trial.mean,
                "low": low,
                "high": high,
                "seconds": round(sum(t.seconds or 0.0 for t in trial.trainings), 1),
                "reason": trial.reason,
            }
        )
    return found


def columns(keys: Sequence[str], score: str) -> list[str]:
    """Of ``sweep.csv``."""
    return ["trial", *keys, "state", "n", f"val_{score}", "low", "high", "seconds", "reason"]


def record(trial: Trial) -> dict[str, Any]:
    """A trial in ``sweep.json``."""
    low, high = trial.interval() or (None, None)
    return {
        "trial": trial.number,
        "settings": dict(trial.settings),
        "state": trial.state,
        "n": len(trial.values),
        "value": trial.mean,
        "low": low,
        "high": high,
        "undefined": None if trial.mean is not None else trial.reason or "it has not ended",
        "seeds": [
            {"seed": t.seed, "run": f"runs/{t.name}", "state": t.state, "value": t.value, "epoch": t.epoch, "reason": t.reason}
            for t in trial.trainings
        ],
    }


def table(trials: Sequence[Trial], keys: Sequence[str], score: str, *, lower: bool) -> list[str]:
    """For people: the best first, then what did not end well."""
    order = ranked(trials, lower=lower)
    order += [t for t in trials if t not in order]
    cells = [["trial", *keys, f"val_{score}", "95 % over seeds", "n", ""]]
    for trial in order:
        ends = trial.interval()
        between = f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else "-"
        mean = "-" if trial.mean is None else f"{trial.mean:.4f}"
        note = "" if trial.state == "done" else f"{trial.state} {trial.reason or ''}".strip()
        cells.append([str(trial.number), *(text_of(trial.settings[k]) for k in keys), mean, between, str(len(trial.values)), note])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]) - 1)]
    return ["  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in cells]


def text_of(value: object) -> str:
    """A setting's value in few characters.

    >>> text_of(1e-5), text_of(0.0123456), text_of([64, 64])
    ('1e-05', '0.01235', '[64, 64]')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
