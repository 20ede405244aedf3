"""How high the learning rate is, as a share of the settings' one: pure functions."""

from __future__ import annotations

import math

from sagittal.engine.settings import Schedule

STAIR = 0.95
DROP = 0.1


def share_of_rate(schedule: Schedule, *, epoch: int, before: float, after: float) -> float:
    """What the learning rate is multiplied by in one step.

    Args:
        schedule: Which curve.
        epoch: From 0 on.
        before: How much of the run lies behind when the step begins, 0 to 1.
        after: The same when it ends: the warm-up takes this one, so that the first step already learns.

    >>> share_of_rate(Schedule(name="staircase", factor=0.5), epoch=2, before=0.4, after=0.41)
    0.25
    >>> round(share_of_rate(Schedule(name="cosine", warmup=0.1), epoch=0, before=0.55, after=0.56), 6)
    0.5
    >>> share_of_rate(Schedule(name="constant", warmup=0.5), epoch=0, before=0.0, after=0.25)
    0.5
    """
    return _warmup(schedule, after) * _curve(schedule, epoch, before)


def drop_of(schedule: Schedule) -> float:
    """What a plateau multiplies the learning rate by.

    >>> drop_of(Schedule(name="plateau"))
    0.1
    """
    return DROP if schedule.factor is None else schedule.factor


def _warmup(schedule: Schedule, after: float) -> float:
    return min(1.0, after / schedule.warmup) if schedule.warmup > 0 else 1.0


def _curve(schedule: Schedule, epoch: int, before: float) -> float:
    if schedule.name == "staircase":
        return float((STAIR if schedule.factor is None else schedule.factor) ** epoch)
    if schedule.name == "cosine":
        way = max(0.0, before - schedule.warmup) / (1.0 - schedule.warmup)
        return schedule.floor + (1.0 - schedule.floor) * 0.5 * (1.0 + math.cos(math.pi * way))
    return 1.0
