"""Training: one loop.

What it promises: the loss of a step is the exact mean over its samples, however they are cut into batches,
accumulated or shared out over processes. NaN and Inf stop it before they reach the weights. It may be killed at any
moment, and on a CPU goes on to byte-equal weights. It ends with the best weights, however it ends.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from sagittal.data.batch import Batch, Source
from sagittal.engine.examples import Seen
from sagittal.engine.hooks import Fitted, Hooks
from sagittal.engine.interrupts import Asked, named_failures, stoppable
from sagittal.engine.judging import check_watched, judged, rehearsed
from sagittal.engine.keeping import Keeping, identity_of
from sagittal.engine.learner import Learner, Place, Stepped
from sagittal.engine.meter import Meter
from sagittal.engine.pending import PendingScores
from sagittal.engine.progress import Now
from sagittal.engine.ranks import Ranks
from sagittal.engine.reproducible import reproducible
from sagittal.engine.schedule import share_of_rate
from sagittal.engine.scoring import Measure, added, means, measured_on, opened, validate
from sagittal.engine.settings import LAST, TrainSettings
from sagittal.engine.state import Row, State
from sagittal.errors import Interrupted, SagittalError, StorageFailure, UsageError
from sagittal.losses._loss import Loss

__all__ = ["Fitted", "Hooks", "fit"]


def fit(
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
        model: With its starting weights; moved to the device in place.
        train: What it learns from.
        val: What chooses the epoch and the end; its weights are 1, or 0 to leave a sample out.
        loss: One number a sample.
        settings: All the rest.
        folder: The run directory: ``checkpoints/{last,best}/``, ``log.csv`` and ``speed.csv`` are written there. Under torchrun all
            processes must see it.
        seed: Of dropout and other noise in the network.
        device: Where it computes.
        measure: Scores of outputs for the log and for what is watched: ``{name: (sum, n)}`` a batch at a time, or ``{name: number}``.
        hooks: Progress, events, clock.
        resume: Go on from ``checkpoints/last`` where there is one, else begin. ``model`` must be built as it was then.

    Raises:
        UsageError: There is a run already; it is resumed with other settings; a watched number does not exist.
        NumericFailure: A loss or gradient is NaN or infinite; names the cases.
        WorkerDied: A process that loads data ended by itself.
        StorageFailure: The run directory cannot be written; the last checkpoint is whole.
        LimitExceeded: A step does not fit into memory.
        Interrupted: Ctrl-C; the state is saved.
    """
    hooks = hooks or Hooks()
    ranks = Ranks(device)
    with named_failures(folder), reproducible(device), stoppable() as asked:
        learner = Learner(model, loss, settings, ranks=ranks, device=device, seed=seed)
        identity = identity_of(settings, seed=seed, train=len(train), val=len(val))
        keeping = Keeping(folder, ranks, identity=identity, every=settings.checkpoint, clock=hooks.clock, reached=hooks.reached)
        run = _Run(learner, keeping, train, val, measure=measure, settings=settings, hooks=hooks, ranks=ranks, asked=asked)
        try:
            state = run.to_the_end(run.begin(resume=resume))
        except KeyboardInterrupt:
            raise run.interrupted("at once, the checkpoint before stands") from None
        except RuntimeError as error:
            # Ctrl-C reaches the workers too, and their end may be noticed first
            if asked.to_stop and run.safe is not None and ranks.count == 1:
                keeping.save(learner, run.safe)
                raise run.interrupted("its state is saved") from error
            raise
        except SagittalError as error:
            # alone: another process may not come to the same end
            if ranks.count == 1 and not isinstance(error, StorageFailure):
                keeping.restore_best(learner)
            raise
        finally:
            run.close()
        best = keeping.restore_best(learner)
    return Fitted(
        model=learner.model,
        best=best,
        history=list(state.history),
        ended=state.ended or "",
        epochs=state.epoch,
        steps=state.step,
        seconds=state.seconds,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Waiting:
    """A step whose numbers may be on their way."""

    done: Stepped
    scores: Sequence[PendingScores]
    rate: float


class _Run:
    """One training, from where it stands to its end."""

    def __init__(
        self,
        learner: Learner,
        keeping: Keeping,
        train: Source,
        val: Source,
        *,
        measure: Measure | None,
        settings: TrainSettings,
        hooks: Hooks,
        ranks: Ranks,
        asked: Asked,
    ) -> None:
        self._learner = learner
        self._keeping = keeping
        self._train_source = train
        self._val_source = val
        self._measure = measure
        self._settings = settings
        self._hooks = hooks
        self._progress = hooks.shown()
        self._ranks = ranks
        self._asked = asked
        self._batches = math.ceil(len(train) / settings.batch)
        self._steps = math.ceil(self._batches / settings.accumulate)
        self._meter = Meter(settings, ranks, clock=hooks.clock, steps=self._steps, checks=math.ceil(len(val) / settings.batch))
        self._thawed = -1
        self._waiting: deque[_Waiting] = deque()
        self.safe: State | None = None

    def begin(self, *, resume: bool) -> State:
        """Where the run stands: at its start, or where it was killed."""
        if len(self._train_source) == 0 or len(self._val_source) == 0:
            raise UsageError("NO_SAMPLES", "split", "training or validation has no sample", "make the split anew with split.val above 0")
        found = self._keeping.begin(resume=resume)
        if found is None:
            check_watched(self._settings, lambda: rehearsed(self._learner, self._val_source, self._measure))
            state = State.fresh(self._settings, steps=self._steps * self._settings.epochs)
        else:
            state = State.from_record(found.state["run"])
            if state.ended is None:
                self._thaw(state.epoch)
                self._learner.load(found)
                self._progress.say(f"going on in epoch {state.epoch + 1} after {state.step} steps")
        self._meter.start(state.seconds)
        self._keeping.follow(state, tensorboard=self._hooks.tensorboard)
        return state

    def to_the_end(self, state: State) -> State:
        """Epochs until the run has ended."""
        while state.ended is None:
            self._thaw(state.epoch)
            self._meter.epoch_began()
            state = self._trained(state)
            self._hooks.reached("trained")
            state = self._validated(state)
        return state

    def _trained(self, state: State) -> State:
        """After all batches of the epoch, or as many as there is time for."""
        self.safe = state
        if state.step >= state.pace.total:
            return state
        with opened(self._train_source, state.epoch, state.batch) as batches:
            for group in groups(batches, self._settings.accumulate):
                state = self._stepped(state, group)
                asked = self._ranks.any(self._asked.to_stop)
                if asked or self._keeping.is_due(step=state.step):
                    state = self._settled(state)
                    self._save(state)
                if asked:
                    raise self.interrupted("its state is saved")
                if state.step >= state.pace.total:
                    return state
        if state.batch != self._batches:
            # the schedule and the sharing out over processes count on it
            raise ValueError(f"the source of {len(self._train_source)} samples gave {state.batch} batches, not {self._batches}")
        return state

    def _stepped(self, state: State, group: list[Batch]) -> State:
        """After one update of the weights."""
        self._keeping.show_images(group[0].images, self._hooks.view, step=state.step)
        rate = self._rate(state)
        self.safe = None
        done = self._learner.step(group, place=Place(state.epoch, state.batch), rate=rate, number=state.step + 1)
        measured = [measured_on(self._measure, o, b) for o, b in zip(done.outputs, group, strict=False)] if self._measure else []
        self._waiting.append(_Waiting(done=replace(done, outputs=[]), scores=[PendingScores(m) for m in measured], rate=rate))
        state = replace(state, batch=state.batch + len(group), step=state.step + 1, rate=rate)
        state = self._settled(state, behind=self._learner.behind)
        self._meter.stepped(sum(len(b) for b in group) * self._ranks.count)
        state = replace(state, pace=self._meter.pace(state.pace, step=state.step, epoch=state.epoch))
        self.safe = state
        self._show(state)
        return state

    def _settled(self, state: State, *, behind: int = 0) -> State:
        """The state with what its steps gave, but for so many of the last ones, whose numbers the device may still be computing."""
        while len(self._waiting) > behind:
            step = self._waiting.popleft()
            loss, weight, scores = self._learner.checked(step.done), step.done.weight, state.scores
            for one in step.scores:
                scores = added(scores, one.read())
            state = replace(state, loss_sum=state.loss_sum + loss, weight_sum=state.weight_sum + weight, scores=scores)
            number = state.step - len(self._waiting)
            self._keeping.show_step(loss=loss / weight if weight else 0.0, rate=step.rate * self._settings.lr, step=number)
        return state

    def _validated(self, state: State) -> State:
        """After the validation that ends the epoch, and after what follows from it."""
        self.safe = state = self._settled(state)
        seen = Seen(self._hooks.classes, self._hooks.view) if self._hooks.tensorboard is not None and self._ranks.count == 1 else None
        look = seen.add if seen is not None else None
        found = validate(self._learner, self._val_source, self._measure, self._ranks, self._asked, look=look)
        if found is None:
            self._save(state)
            raise self.interrupted("its state is saved")
        self._hooks.reached("validated")
        row = self._row(state, found)
        pace = self._meter.pace(state.pace, step=state.step, epoch=state.epoch, at_end=True)
        speed = self._meter.epoch_ended(state.epoch)
        after, better = judged(replace(state, pace=pace), row, self._settings)
        after = replace(after, history=(*state.history, row), speed=(*state.speed, speed), seconds=self._meter.seconds())
        due = after.ended is not None or self._keeping.is_due(epoch=after.epoch)
        if better:
            self._keeping.keep_best(self._learner, after, row, copy=not due)
        if due:
            self._save(after)
        self._keeping.show_epoch(self._learner, row, seen, step=after.step)
        # Where the newest weights are kept whatever they are, none is the best.
        self._progress.epoch(row, best=better and self._settings.best.watch != LAST)
        if after.ended is not None:
            self._progress.say(f"training ended: {after.ended}")
        return after

    def _row(self, state: State, validation: Row) -> Row:
        loss = means({"loss": (state.loss_sum, state.weight_sum)}, self._ranks, prefix="train_")
        scores = means(state.scores, self._ranks, prefix="train_")
        return {"epoch": state.epoch + 1, "steps": state.step, "lr": self._settings.lr * state.rate, **loss, **scores, **validation}

    def _rate(self, state: State) -> float:
        """The share of the learning rate in the next step."""
        before, after = state.pace.share(state.step), state.pace.share(state.step + 1)
        return state.drop * share_of_rate(self._settings.schedule, epoch=state.epoch, before=before, after=after)

    def _show(self, state: State) -> None:
        self._hooks.reached("step")
        now = Now(
            epoch=state.epoch,
            epochs=min(self._settings.epochs, math.ceil(state.pace.total / self._steps)),
            batch=state.batch,
            batches=self._batches,
            loss=state.loss_sum / state.weight_sum if state.weight_sum else 0.0,
            speed=self._meter.speed,
            left_s=self._meter.left_s(state.pace, step=state.step),
        )
        self._progress.step(now)

    def _save(self, state: State) -> None:
        self._keeping.save(self._learner, replace(state, seconds=self._meter.seconds()))

    def _thaw(self, epoch: int) -> None:
        while self._thawed < epoch:
            self._thawed += 1
            self._learner.thaw(self._thawed)

    def interrupted(self, what: str) -> Interrupted:
        """What to say to whoever pressed Ctrl-C."""
        folder = self._keeping.last.parent.parent
        return Interrupted("INTERRUPTED", folder, f"training was stopped; {what}", f"go on with sagittal train --resume {folder}")

    def close(self) -> None:
        """Let go of everything that outlives a step."""
        self._progress.close()
        for source in (self._train_source, self._val_source):
            close = getattr(source, "close", None)
            if close is not None:
                close()
        self._keeping.close()


def groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """The batches of each step; the last step may have fewer.

    >>> [len(group) for group in groups([None] * 5, 2)]
    [2, 2, 1]
    """
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
