"""What follows from a validation: better or not, a lower learning rate, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sagittal.data.batch import Source
from sagittal.engine.learner import Learner
from sagittal.engine.schedule import drop_of
from sagittal.engine.scoring import Measure, measured_on, opened
from sagittal.engine.settings import LAST, TrainSettings
from sagittal.engine.state import Row, State
from sagittal.engine.stopping import watched


def judged(state: State, row: Row, settings: TrainSettings) -> tuple[State, bool]:
    """The state at the start of the next epoch, and whether the weights of this one are to be kept.

    The first epoch is kept whatever it gave: a run never ends without weights.
    """
    newest = settings.best.watch == LAST
    best = state.best.after(watched(row, "loss" if newest else state.best.watch))
    better = newest or best.stalled == 0 or state.best_epoch is None
    state = replace(state, best=best, best_epoch=state.epoch if better else state.best_epoch)
    state = _ended_by_length(_stopped(_plateaued(state, row, settings), row, settings), settings)
    return replace(state, epoch=state.epoch + 1, batch=0, loss_sum=0.0, weight_sum=0.0, scores={}), better


def _plateaued(state: State, row: Row, settings: TrainSettings) -> State:
    if state.plateau is None:
        return state
    plateau = state.plateau.after(watched(row, state.plateau.watch))
    if plateau.stalled < settings.schedule.patience:
        return replace(state, plateau=plateau)
    return replace(state, plateau=replace(plateau, stalled=0), drop=state.drop * drop_of(settings.schedule))


def _stopped(state: State, row: Row, settings: TrainSettings) -> State:
    if state.watch is None or settings.stop is None:
        return state
    watch, verdict = state.watch.after(row)
    if verdict == "drop":
        return replace(state, watch=watch, drop=state.drop * settings.stop.drop)
    names = settings.stop.watch + (f" and {settings.stop.also}" if settings.stop.also else "")
    ended = f"no better {names} for {settings.stop.patience} epochs" if verdict == "stop" else None
    return replace(state, watch=watch, ended=ended)


def _ended_by_length(state: State, settings: TrainSettings) -> State:
    if state.ended is not None:
        return state
    if state.epoch + 1 >= settings.epochs:
        return replace(state, ended=f"all {settings.epochs} epochs are done")
    if state.step >= state.pace.total:
        return replace(state, ended=f"the time budget of {settings.minutes:g} minutes is used")
    return state


def check_watched(settings: TrainSettings, rehearsal: Callable[[], Iterable[str]]) -> None:
    """Find a misspelt watched number before the run, not at the end of its first epoch.

    Args:
        settings: Which name what they watch.
        rehearsal: Gives the names that a validation gives; only asked when more than the loss is watched.

    Raises:
        UsageError: A watched number does not exist.
    """
    stop = settings.stop
    names = {settings.best.watch}
    names |= {stop.watch, stop.also or "loss"} if stop else set()
    names |= {settings.schedule.watch} if settings.schedule.name == "plateau" else set()
    names.discard(LAST)
    if names <= {"loss", "val_loss"}:
        return
    row: Row = dict.fromkeys((f"val_{name}" for name in rehearsal()), 0.0)
    for name in sorted(names):
        watched(row, name)


def rehearsed(learner: Learner, source: Source, measure: Measure | None) -> list[str]:
    """The names of the numbers that a validation gives, from its first batch."""
    if measure is None:
        return ["loss"]
    with learner.judged(), opened(source, 0) as batches:
        batch = next(iter(batches))
        return ["loss", *measured_on(measure, learner.outputs(batch.images), batch)]
