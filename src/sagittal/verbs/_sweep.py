"""The folder of a sweep: what was asked, one run a training, the table of what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagittal.engine.config import Recipe, recipe_of
from sagittal.engine.run import Run
from sagittal.engine.sweep import FORMAT, VERSION, Asked, Room
from sagittal.engine.trials import CHOICE, Training, Trial, best_training, columns, doubt, ranked, record, rows
from sagittal.io import atomic
from sagittal.io.lock import locked
from sagittal.io.writers.csv import write_rows
from sagittal.report.sweep_page import write as write_page

RESULT = "trial.json"
"""Says in a run's folder what came of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """A sweep that has begun.

    Args:
        folder: ``DIR``: ``data/`` (audit, split, the common plan), ``runs/``, ``sweep.db`` and the tables.
        asked: What makes it this sweep.
        score: What of validation is compared.
        lower: Whether less of it is better.
        threads: Of each training; kept, since sums in another order end in other digits.
    """

    folder: Path
    asked: Asked
    score: str
    lower: bool
    threads: int

    @classmethod
    def at(cls, folder: Path) -> Sweep:
        """The sweep of a folder that has ``sweep.json``."""
        found = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
        asked = dict(found["asked"])
        rooms = {key: Room(**room) for key, room in asked.pop("search").items()}
        return cls(
            folder=folder,
            asked=Asked(**asked, search=rooms),
            score=found["score"],
            lower=found["lower_is_better"],
            threads=found["threads"],
        )

    @property
    def recipe(self) -> Recipe:
        """What all trials have in common."""
        return recipe_of(self.asked.recipe)

    @property
    def seeds(self) -> range:
        """Of the trainings of each trial."""
        return range(self.recipe.seed, self.recipe.seed + self.asked.seeds)

    def lock(self, *, wait_s: float | None = None) -> AbstractContextManager[bool]:
        """Hold what only one process may do at a time: begin, draw a trial, write the tables."""
        return locked(self.folder / ".lock", wait_s=wait_s)

    def held(self, name: str, *, wait_s: float = 0.0) -> AbstractContextManager[bool]:
        """Hold one training. Whoever trains holds it; it is free again the moment that process ends, however it ends."""
        (self.folder / "locks").mkdir(exist_ok=True)
        return locked(self.folder / "locks" / f"{name}.lock", wait_s=wait_s)

    def run(self, name: str) -> Run:
        """The run of a training."""
        return Run(self.folder / "runs" / name)

    def trial(self, number: int, settings: Mapping[str, Any]) -> Trial:
        """A trial as it stands now."""
        names = [(f"{number:04d}-seed{seed}", seed) for seed in self.seeds]
        return Trial(number=number, settings=settings, trainings=tuple(Training.of(n, s, self.result(n)) for n, s in names))

    def result(self, name: str) -> dict[str, Any] | None:
        """What came of a training; None while it has not ended."""
        run = self.run(name)
        return run.read(RESULT) if run.has(RESULT) else None

    def write(self, trials: Sequence[Trial]) -> None:
        """``sweep.json``, ``sweep.csv``, ``sweep.html`` and, where one can be chosen, ``best.json``; to be called under :meth:`lock`."""
        order = ranked(trials, lower=self.lower)
        keys = self.asked.keys
        atomic.write_json(
            self.folder / "sweep.json",
            {
                "format": FORMAT,
                "version": VERSION,
                "asked": self.asked.record(),
                "score": self.score,
                "lower_is_better": self.lower,
                "threads": self.threads,
                "note": CHOICE,
                "finished": self.finished(trials),
                "best": order[0].number if order else None,
                "next": self.next_command(order[0]) if order else None,
                "doubt": doubt(trials, order[0]) if order else None,
                "trials": [record(trial) for trial in trials],
            },
        )
        write_rows(self.folder / "sweep.csv", columns(keys, self.score), rows(trials, keys, self.score))
        write_page(self.folder)
        if order:
            atomic.write_json(self.folder / "best.json", {**self._best(order[0]), "finished": self.finished(trials)})

    def finished(self, trials: Sequence[Trial]) -> bool:
        """Whether all that was asked for is over; until then the best is the best so far."""
        return len(trials) == self.asked.count and all(trial.over for trial in trials)

    def _best(self, trial: Trial) -> dict[str, Any]:
        training = best_training(trial, lower=self.lower)
        return {
            "format": "sagittal-sweep-best",
            "version": 1,
            **record(trial),
            "score": f"val_{self.score}",
            "run": f"runs/{training.name}",
            "note": CHOICE,
            "next": self.next_command(trial),
        }

    def next_command(self, trial: Trial) -> str:
        """How the chosen trial meets the test split, once."""
        return f"sagittal evaluate {self.folder / 'runs' / best_training(trial, lower=self.lower).name}"
