"""Stopping, the rule of the published COVID-CT network, and the time budget."""

from __future__ import annotations

import itertools
import math
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sagittal.engine.fit import Hooks
from sagittal.engine.pace import Pace, steps_that_fit
from sagittal.engine.schedule import share_of_rate
from sagittal.engine.settings import Best, Schedule, Stop, TrainSettings
from sagittal.engine.stopping import Monitor, Watch
from sagittal.errors import UsageError

fitting = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_fitting.py"))))
COVID_CT = Stop(watch="loss", also="accuracy", patience=5, smoothing=0.2, drop=0.1)

pytestmark = pytest.mark.usefixtures("one_thread")


def _verdicts(stop: Stop, losses: list[float], accuracies: list[float | None] | None = None) -> list[str]:
    watch, verdicts = Watch.of(stop), []
    for i, loss in enumerate(losses):
        watch, verdict = watch.after({"val_loss": loss, "val_accuracy": None if accuracies is None else accuracies[i]})
        verdicts.append(verdict)
        if verdict == "stop":
            break
    return verdicts


def test_s0_stops_after_three_epochs_without_a_better_loss() -> None:
    verdicts = _verdicts(Stop(watch="loss", patience=3), [0.9, 0.7, 0.71, 0.69, 0.70, 0.69, 0.75, 0.1])
    assert verdicts == ["go on"] * 6 + ["stop"]


def test_the_running_average_takes_a_fifth_of_the_new_value() -> None:
    monitor = Monitor.of("loss", smoothing=0.2)
    averages = []
    for value in (1.0, 0.5, 0.5):
        monitor = monitor.after(value)
        averages.append(monitor.average)
    assert averages == pytest.approx([1.0, 0.9, 0.82])


def test_s3_overfitting_while_accuracy_still_climbs_lowers_the_rate_and_goes_on() -> None:
    # the loss turns after epoch 3; the accuracy climbs slowly to the end
    losses = [0.70, 0.66, 0.62] + [0.70 + 0.02 * i for i in range(12)]
    accuracies = [0.50 + 0.02 * i for i in range(15)]
    verdicts = _verdicts(COVID_CT, losses, accuracies)
    assert "stop" not in verdicts
    # an average of .2 new turns at once when it jumps above: 5 epochs later the first drop, 5 after that the second
    assert [i for i, v in enumerate(verdicts) if v == "drop"] == [7, 12]


def test_s3_both_stall_and_the_run_stops() -> None:
    losses = [0.70, 0.60, 0.55] + [0.80] * 20
    accuracies: list[float | None] = [0.60, 0.70, 0.75] + [0.55] * 20
    verdicts = _verdicts(COVID_CT, losses, accuracies)
    assert verdicts[-1] == "stop"
    assert "drop" not in verdicts
    # the averages were best in epoch 3 and no better in epochs 4 to 8
    assert len(verdicts) == 8


def test_s3_accuracy_alone_stalls_and_nothing_happens() -> None:
    losses = [0.9 - 0.02 * i for i in range(20)]
    assert set(_verdicts(COVID_CT, losses, [0.8] * 20)) == {"go on"}


def test_s3_after_a_drop_both_count_anew() -> None:
    # accuracy stalls two epochs after the loss: at the drop its count is 3, without the reset the next stall would stop the run earlier
    losses = [0.5] + [0.9] * 30
    accuracies: list[float | None] = [0.5, 0.6, 0.7] + [0.2] * 28
    verdicts = _verdicts(COVID_CT, losses, accuracies)
    assert [i for i, v in enumerate(verdicts) if v == "drop"] == [5]
    assert (verdicts[-1], len(verdicts)) == ("stop", 11)


def test_s3_in_a_run(tmp_path: Path) -> None:
    settings = TrainSettings(
        epochs=20, batch=25, lr=1e-2, optimizer="sgd", schedule=Schedule(name="constant"), best=Best(watch="accuracy"),
        stop=Stop(watch="flat", also="accuracy", patience=2, smoothing=0.2),
    )  # fmt: skip
    history: list[float] = []

    def measure(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, tuple[float, int]]:
        # asked for every batch of training and validation; only the numbers of validation steer
        return {"flat": (1.0, 1), "accuracy": (climbing[min(len(history), 6)], 1)}

    climbing = [0.1, 0.2, 0.3, 0.4, 0.1, 0.1, 0.1]
    fitted = fitting.run(
        tmp_path, settings, measure=measure, hooks=Hooks(reached=lambda point: history.append(0.0) if point == "validated" else None)
    )
    rates = [row["lr"] for row in fitted.history]
    assert rates[:3] == pytest.approx([1e-2] * 3)
    assert rates[3] == pytest.approx(1e-3)
    assert fitted.ended == "no better flat and accuracy for 2 epochs"
    assert fitted.best["epoch"] == 4


def test_an_unknown_number_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean accuracy"):
        Watch.of(Stop(watch="acuracy")).after({"val_loss": 1.0, "val_accuracy": 0.5})


@pytest.mark.parametrize(
    "schedule", [Schedule(name=name, warmup=w) for name in ("constant", "staircase", "cosine", "plateau") for w in (0.0, 0.2)]
)
def test_every_schedule_starts_above_nought_and_stays_at_most_one(schedule: Schedule) -> None:
    shares = [share_of_rate(schedule, epoch=step // 10, before=step / 100, after=(step + 1) / 100) for step in range(100)]
    assert min(shares) > 0
    assert max(shares) <= 1
    if schedule.name == "cosine":
        assert shares[-1] < 0.01


# --- minutes


class Clock:
    """Seconds that pass when a batch is made: 1 a training batch, .5 a validation batch."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(fitting.Pictures):
    clock: Clock
    cost = 1.0

    def batches(self, epoch: int, start: int = 0):
        for batch in super().batches(epoch, start):
            self.clock.now += self.cost
            yield batch


def _timed(folder: Path, minutes: float | None, *, epochs: int = 1000, cost: float = 1.0, n: int = 50, **more: object):
    clock = Clock()
    train, val = Slow(n, batch=5), Slow(20, batch=5, seed=1)
    train.clock = val.clock = clock
    train.cost, val.cost = cost, cost / 2
    settings = TrainSettings(epochs=epochs, minutes=minutes, batch=5, lr=1e-3)
    fitted = fitting.run(folder, settings, train=train, val=val, hooks=Hooks(clock=clock), **more)
    return fitted, clock


def test_the_schedule_fits_itself_to_the_time_budget(tmp_path: Path) -> None:
    # an epoch takes 10 + 2 seconds
    fitted, clock = _timed(tmp_path, minutes=2.0)
    assert 108 <= clock.now <= 120
    assert fitted.ended == "the time budget of 2 minutes is used"
    rates = [row["lr"] for row in fitted.history]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-5
    assert rates[0] > 9e-4


def test_a_budget_that_is_too_large_changes_nothing(tmp_path: Path) -> None:
    timed, _ = _timed(tmp_path / "timed", minutes=60.0, epochs=4)
    free, _ = _timed(tmp_path / "free", minutes=None, epochs=4)
    assert timed.history == free.history
    assert timed.ended == "all 4 epochs are done"


def test_less_time_than_an_epoch_takes_gives_a_part_of_one(tmp_path: Path) -> None:
    fitted, clock = _timed(tmp_path, minutes=0.5, n=500)
    assert fitted.epochs == 1
    assert 10 < fitted.steps < 100
    assert clock.now <= 31
    assert fitted.history[0]["lr"] < 1e-4
    assert fitted.history[0]["val_loss"] is not None


def test_a_machine_that_slows_down_ends_on_time(tmp_path: Path) -> None:
    clock = Clock()
    train, val = Slow(50, batch=5), Slow(20, batch=5, seed=1)
    train.clock = val.clock = clock

    def reached(point: str) -> None:
        if point == "step" and clock.now > 60:
            train.cost = 4.0

    settings = TrainSettings(epochs=1000, minutes=2.0, batch=5)
    fitted = fitting.run(tmp_path, settings, train=train, val=val, hooks=Hooks(clock=clock, reached=reached))
    assert clock.now <= 120 + 4 + 4
    assert fitted.ended.startswith("the time budget")


def test_a_resumed_run_goes_on_with_the_budget_that_is_left(tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    clock = Clock()
    train, val = Slow(50, batch=5), Slow(20, batch=5, seed=1)
    train.clock = val.clock = clock

    def cut(point: str) -> None:
        if point == "logged" and clock.now > 60:
            raise Cut

    settings = TrainSettings(epochs=1000, minutes=2.0, batch=5)
    with pytest.raises(Cut):
        fitting.run(tmp_path, settings, train=train, val=val, hooks=Hooks(clock=clock, reached=cut))
    before = clock.now
    fitted = fitting.run(tmp_path, settings, train=train, val=val, hooks=Hooks(clock=clock), resume=True)
    assert 108 <= clock.now <= 120
    assert 108 <= fitted.seconds <= 120
    rates = [row["lr"] for row in fitted.history]
    assert rates == sorted(rates, reverse=True)
    assert before > 60


def test_the_share_of_a_run_never_goes_back_and_ends_at_one() -> None:
    pace, shares = Pace(total=1000), []
    for step in range(1000):
        if step in {4, 8, 16, 100, 200}:
            pace = pace.changed(step=step, total={4: 300, 8: 500, 16: 280, 100: 400, 200: 250}[step])
        shares.append(pace.share(step))
    assert shares == sorted(shares)
    assert pace.share(pace.total) == 1.0
    assert max(b - a for a, b in itertools.pairwise(shares)) < 0.02


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 0), (5.0, 0), (11.0, 0), (25.0, 10), (1000.0, 660)])
def test_steps_that_fit(seconds: float, steps: int) -> None:
    assert steps_that_fit(seconds, step_s=1.0, epoch_end_s=10.0, steps_an_epoch=20) == pytest.approx(steps, abs=1)
    assert math.isfinite(steps)


def test_plain_settings_are_s0s() -> None:
    settings = TrainSettings(batch=128, epochs=20, optimizer="adam", stop=Stop(watch="loss", patience=3))
    assert replace(settings, batch=8).batch == 8
