"""How far a run is: by steps, which a time budget may make fewer.

A schedule must know how much of the run lies behind. Without a budget that is ``step / total``. With
``minutes`` the total is an estimate from the measured cost of a step and of a validation. It is made anew
after 4, 8, 16 ... steps of the first epoch, eight times in every later one and at the end of each, and lowered
at once when time is up, even in the middle of an epoch (which is then validated as it is). Every estimate is
saved with the state, so a resumed run goes on with the numbers that the killed one had. What cannot be promised
with a budget is that two runs, or a run and its resumed twin, agree to the byte: later estimates hang on the
clock of the machine. Without a budget they do agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FIRST_LOOK = 4
LOOKS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How many steps a run has, and how far along it is at each.

    Args:
        total: Steps of the whole run.
        anchor: The step at which ``total`` was last changed.
        behind: How much of the run lay behind at that step. The share never jumps and never goes back.

    >>> Pace(total=10).share(5)
    0.5
    >>> shorter = Pace(total=10).changed(step=5, total=6)
    >>> shorter.share(5), shorter.share(6)
    (0.5, 1.0)
    """

    total: int
    anchor: int = 0
    behind: float = 0.0

    def share(self, step: int) -> float:
        """How much of the run lies behind after so many steps, 0 to 1."""
        if step >= self.total:
            return 1.0
        return self.behind + (1.0 - self.behind) * ((step - self.anchor) / (self.total - self.anchor))

    def changed(self, *, step: int, total: int) -> Pace:
        """The pace with another total from this step on."""
        total = max(total, step)
        return self if total == self.total else Pace(total=total, anchor=step, behind=min(self.share(step), 1.0))


def steps_that_fit(seconds: float, *, step_s: float, epoch_end_s: float, steps_an_epoch: int) -> int:
    """How many steps fit into the time that is left, each epoch ending with a validation.

    One more validation is kept free for the end.

    >>> steps_that_fit(100.0, step_s=1.0, epoch_end_s=10.0, steps_an_epoch=20)
    60
    """
    left = seconds - epoch_end_s
    return max(0, int(left / (step_s + epoch_end_s / steps_an_epoch)))


def time_to_look(step_in_epoch: int, *, epoch: int, steps_an_epoch: int) -> bool:
    """Whether the estimate is made anew after this step: 4, 8, 16 ... of the first epoch, eight times in later ones.

    >>> [s for s in range(20) if time_to_look(s, epoch=0, steps_an_epoch=20)]
    [4, 8, 16]
    >>> [s for s in range(20) if time_to_look(s, epoch=3, steps_an_epoch=20)]
    [3, 6, 9, 12, 15, 18]
    """
    if epoch == 0:
        return step_in_epoch >= FIRST_LOOK and step_in_epoch & (step_in_epoch - 1) == 0
    return step_in_epoch > 0 and step_in_epoch % math.ceil(steps_an_epoch / LOOKS) == 0
