"""The clock of a run: how fast it is, how long it takes, how many steps its time budget has."""

from __future__ import annotations

from collections.abc import Callable

from sagittal.engine.pace import Pace, steps_that_fit, time_to_look
from sagittal.engine.ranks import Ranks
from sagittal.engine.settings import TrainSettings
from sagittal.engine.state import Row

_RECENT = 0.9
"""How much of the speed shown is that of the steps before the last one."""
_LASTING = 0.98
"""How much an earlier step counts for the estimated time of a step, compared with the one after it."""


class Meter:
    """Measures one process of one run.

    Args:
        settings: ``minutes`` and ``epochs``.
        ranks: What hangs on the clock is decided by the first process.
        clock: Seconds.
        steps: Of an epoch.
        checks: Batches of a validation.
    """

    def __init__(self, settings: TrainSettings, ranks: Ranks, *, clock: Callable[[], float], steps: int, checks: int) -> None:
        self._settings = settings
        self._ranks = ranks
        self._clock = clock
        self._steps = steps
        self._checks = checks
        self._began = clock()
        self._before = 0.0
        self._epoch_began = self._step_began = self._began
        self._last_step = self._began
        self._images = 0
        self._times = [0.0, 0.0]
        self._end_s: float | None = None
        self.speed = 0.0

    def start(self, before: float) -> None:
        """The run begins, or goes on after so many seconds of before."""
        self._before = before
        self._began = self._epoch_began = self._step_began = self._last_step = self._clock()

    def seconds(self) -> float:
        """How long the run has taken, all resumed parts together."""
        return self._before + self._clock() - self._began

    def epoch_began(self) -> None:
        """An epoch begins."""
        now = self._clock()
        if self._times[1] and self._last_step > self._epoch_began:
            # from the last step of an epoch to the first batch of the next: validation and saving
            self._end_s = now - self._last_step
        self._epoch_began = self._step_began = self._last_step = now
        self._images = 0

    def stepped(self, images: int) -> None:
        """A step on so many images ended."""
        now = self._clock()
        took = max(now - self._step_began, 1e-9)
        self._step_began = self._last_step = now
        # the first step of an epoch waits for the first batch and for kernels to be chosen
        if self._images or self._steps == 1:
            self._times = [self._times[0] * _LASTING + took, self._times[1] * _LASTING + 1]
            self.speed = images / took if self.speed == 0 else _RECENT * self.speed + (1 - _RECENT) * images / took
        self._images += images

    def epoch_ended(self, epoch: int) -> Row:
        """The row of ``speed.csv``: the whole epoch's seconds, the images a second of its training."""
        training = self._last_step - self._epoch_began
        speed = self._images / training if training > 0 else None
        return {"epoch": epoch + 1, "seconds": round(self._clock() - self._epoch_began, 3), "images_per_s": speed and round(speed, 3)}

    def pace(self, pace: Pace, *, step: int, epoch: int, at_end: bool = False) -> Pace:
        """The pace after a step or at the end of an epoch, fitted to the time budget where there is one."""
        if self._settings.minutes is None:
            return pace
        total = self._total(pace, step=step, epoch=epoch, at_end=at_end)
        return pace.changed(step=step, total=int(self._ranks.of_first(float(total))[0]))

    def left_s(self, pace: Pace, *, step: int) -> float | None:
        """Estimated seconds to the end of the run."""
        if not self._times[1]:
            return None
        left = pace.total - step
        return left * self._step_s() + -(-left // self._steps) * self._at_end_s()

    def _total(self, pace: Pace, *, step: int, epoch: int, at_end: bool) -> int:
        left = (self._settings.minutes or 0.0) * 60 - self.seconds()
        if not at_end and left <= self._at_end_s():
            return step
        if not self._times[1] or not (at_end or time_to_look(step - epoch * self._steps, epoch=epoch, steps_an_epoch=self._steps)):
            return pace.total
        # the validation at the end of this epoch lies behind already
        reserve = self._at_end_s()
        fit = steps_that_fit(left, step_s=self._step_s(), epoch_end_s=reserve, steps_an_epoch=self._steps)
        return min(step + fit, self._settings.epochs * self._steps)

    def _step_s(self) -> float:
        return self._times[0] / self._times[1]

    def _at_end_s(self) -> float:
        """Seconds from the last step of an epoch to the first of the next; guessed until there was one."""
        if self._end_s is not None:
            return self._end_s
        # a forward pass is about a third of a step
        return self._checks / self._settings.accumulate * self._step_s() / 3 if self._times[1] else 0.0
