"""Where a run is kept: its checkpoints, its tables, its events. Only the first process writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sagittal.engine import checkpoint
from sagittal.engine.checkpoint import Checkpoint
from sagittal.engine.examples import Seen, as_tensor
from sagittal.engine.learner import Learner
from sagittal.engine.ranks import Ranks
from sagittal.engine.settings import Every, TrainSettings
from sagittal.engine.shown import View
from sagittal.engine.state import State
from sagittal.engine.tracking import Events, write_rows
from sagittal.errors import UsageError
from sagittal.explainers._features import first_kernels
from sagittal.io.atomic import storage

_SHARE = 20


class Keeping:
    """The run directory of one training.

    Args:
        folder: ``RUN``.
        ranks: The processes that train together.
        identity: What a resumed run must have in common with this one; see ``identity_of``.
        every: How often the state is saved.
        clock: Seconds.
        reached: Gets the name of every step of the writing.
    """

    def __init__(
        self,
        folder: Path,
        ranks: Ranks,
        *,
        identity: Mapping[str, Any],
        every: Every,
        clock: Callable[[], float],
        reached: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._ranks = ranks
        self._identity = identity
        self._every = every
        self._clock = clock
        self._reached = reached
        self._saved_at = clock()
        self._took_s = 0.0
        self._waiting: Checkpoint | None = None
        self._events = Events(None, step=0)
        self._pictured = False

    @property
    def last(self) -> Path:
        """From where a run goes on."""
        return self._folder / "checkpoints" / "last"

    @property
    def best(self) -> Path:
        """What a run is used for."""
        return self._folder / "checkpoints" / "best"

    def begin(self, *, resume: bool) -> Checkpoint | None:
        """The state to go on from; None for a fresh run.

        Raises:
            UsageError: A run is there already and is not to be resumed, or it is another one.
            UnreadableInput: The state is not whole.
            StorageFailure: The directory cannot be written.
        """
        if self._ranks.first:
            with storage(self._folder):
                self.last.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self.last, self.best):
                checkpoint.recover(folder)
        self._ranks.wait()
        if checkpoint.find(self.last) is None:
            return None
        if not resume:
            raise UsageError(
                "RUN_EXISTS", self._folder, "there is a trained run here already", "go on with --resume, or choose another folder"
            )
        found = checkpoint.load(self.last)
        _must_agree(found.state["of"], self._identity)
        return found

    def follow(self, state: State, *, tensorboard: Path | None) -> None:
        """Start (or rewind) the tables and events at this state."""
        if self._ranks.first:
            self._write_tables(state)
            self._events = Events(tensorboard, step=state.step)

    def is_due(self, *, epoch: int | None = None, step: int | None = None) -> bool:
        """Whether the state is to be saved after this many epochs, or after this step of one."""
        since = self._clock() - self._saved_at
        if epoch is not None:
            turn = epoch % self._every.epochs == 0
        else:
            turn = self._every.steps is not None and step is not None and step % self._every.steps == 0
        # a large network on a slow disk: no more than a twentieth of the time goes into saving
        least = max(self._every.least_s, _SHARE * self._took_s if self._every.least_s else 0.0)
        return (turn and since >= least) or since >= max(self._every.most_s, least)

    def save(self, learner: Learner, state: State) -> None:
        """Keep all that is needed to go on, and the best weights if they wait for it."""
        begun = self._clock()
        if self._ranks.first:
            # best before last: what is lost between them is computed again and written again
            self._write_waiting()
            checkpoint.save(self.last, learner.checkpoint({"of": self._identity, "run": state.record()}), reached=self._reached)
            self._write_tables(state)
        self._saved_at = self._clock()
        self._took_s = self._saved_at - begun

    def keep_best(self, learner: Learner, state: State, row: Mapping[str, float | None], *, copy: bool) -> None:
        """These are the best weights now; they are written with the next state.

        Args:
            learner: Whose weights were just validated.
            state: After the validation.
            row: Of the log.
            copy: The weights will change before the next state is written.
        """
        if self._ranks.first:
            kept = learner.judged_checkpoint({"of": self._identity, "best": best_record(state, row)})
            model = {name: tensor.to("cpu", copy=True) for name, tensor in kept.model.items()} if copy else kept.model
            self._waiting = replace(kept, model=model)

    def restore_best(self, learner: Learner) -> Mapping[str, Any]:
        """Give the network the best weights, and say of which epoch they are; nothing when none were kept."""
        if self._ranks.first:
            self._write_waiting()
        self._ranks.wait()
        if checkpoint.find(self.best) is None:
            return {}
        best = checkpoint.load(self.best)
        learner.load_weights(best)
        record: Mapping[str, Any] = best.state["best"]
        return record

    def _write_waiting(self) -> None:
        if self._waiting is not None:
            checkpoint.save(self.best, self._waiting, reached=self._reached)
            self._waiting = None

    def _write_tables(self, state: State) -> None:
        """``log.csv`` and ``speed.csv`` as of this state."""
        if state.history:
            write_rows(self._folder / "log.csv", state.history)
            write_rows(self._folder / "speed.csv", state.speed)
            self._reached("logged")

    def show_step(self, *, loss: float, rate: float, step: int) -> None:
        """Events of a step."""
        self._events.numbers({"step_loss": loss, "step_lr": rate}, step=step)

    def show_images(self, images: Tensor, view: View, *, step: int) -> None:
        """The first batch that is trained on, after augmentation, once."""
        if not self._pictured:
            self._pictured = True
            self._events.images("train/images", images, view, step=step)

    def show_epoch(self, learner: Learner, row: Mapping[str, float | None], seen: Seen | None, *, step: int) -> None:
        """Events of an epoch: curves, kernels and feature maps of the first layers, and what the validation looked like."""
        self._events.numbers({k: v for k, v in row.items() if k.startswith(("train_", "val_"))}, step=step)
        kernels = first_kernels(learner.model)
        if kernels is not None:
            self._events.pictures("kernels/first", torch.from_numpy(kernels), step=step)
        features = learner.first_features(seen.first) if seen is not None and seen.first is not None else None
        if features is not None:
            self._events.pictures("val/features", features[:, None], step=step)
        made = {} if seen is None else {"examples": seen.examples, "scores": seen.scores, "confusion": seen.confusion}
        for name, picture in made.items():
            if picture is not None:
                self._events.picture(f"val/{name}", as_tensor(picture), step=step)

    def close(self) -> None:
        """Write out what is left of the events."""
        self._events.close()


def identity_of(settings: TrainSettings, *, seed: int, train: int, val: int) -> dict[str, Any]:
    """What makes two trainings the same run, as JSON gives it back."""
    identity = {"settings": asdict(settings), "seed": seed, "train_samples": train, "val_samples": val}
    return dict(json.loads(json.dumps(identity)))


def best_record(state: State, row: Mapping[str, float | None]) -> dict[str, Any]:
    """Of which epoch the kept weights are, counted from 1 as in ``log.csv``, and why they were kept."""
    return {"epoch": row["epoch"], "step": state.step, "watch": state.best.watch, "value": state.best.best, "row": dict(row)}


def _must_agree(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    mine, theirs = ({**x, **{f"train.{k}": v for k, v in x["settings"].items()}} for x in (now, before))
    differ = sorted(k for k in mine.keys() | theirs.keys() if k != "settings" and mine.get(k) != theirs.get(k))
    if differ:
        first = differ[0]
        what = f"it was {theirs.get(first)!r} when the run began and is {mine.get(first)!r} now"
        raise UsageError("RESUME", ", ".join(differ), what, "resume with what the run began with, or begin another run")
