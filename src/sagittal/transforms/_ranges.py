"""What a user writes for an amount, and how chance picks from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from sagittal.errors import UsageError

Amount = float | Sequence[float]
"""One number, which each option explains, or two: low and high."""

Range = tuple[float, float]


def around_zero(amount: Amount, option: str) -> Range:
    """One number a is from -a to a.

    >>> around_zero(15, "rotate.degrees"), around_zero([0, 5], "rotate.degrees")
    ((-15.0, 15.0), (0.0, 5.0))
    """
    return _range(amount, option, lambda a: (-abs(a), abs(a)))


def around_one(amount: Amount, option: str) -> Range:
    """One number a is from 1 / (1 + a) to 1 + a; both ends are above zero.

    >>> around_one(0.25, "zoom.factor")
    (0.8, 1.25)
    """
    found = _range(amount, option, lambda a: (1 / (1 + abs(a)), 1 + abs(a)))
    return _above(found, 0.0, option)


def from_zero(amount: Amount, option: str) -> Range:
    """One number a is from 0 to a; nothing is below zero."""
    found = _range(amount, option, lambda a: (min(a, 0.0), a))
    if found[0] < 0:
        raise UsageError("BAD_RANGE", option, f"{amount!r} reaches below 0", "use numbers of 0 and more")
    return found


def share(amount: Amount, option: str) -> Range:
    """One number a is just that; all are above 0 and at most 1."""
    found = _above(_range(amount, option, lambda a: (a, a)), 0.0, option)
    if found[1] > 1:
        raise UsageError("BAD_RANGE", option, f"{amount!r} reaches above 1", "use shares above 0, at most 1")
    return found


def chance(p: float, option: str) -> float:
    """A probability."""
    low, high = _range(p, option, lambda a: (a, a))
    if low != high or not 0 <= low <= 1:
        raise UsageError("BAD_RANGE", option, f"{p!r} is not a probability", "use a number from 0 to 1")
    return low


def uniform(rng: np.random.Generator, span: Range) -> float:
    """A number of the range, each as likely."""
    return span[0] + (span[1] - span[0]) * rng.random()  # rng.uniform does the same in ten times the time


def log_uniform(rng: np.random.Generator, span: Range) -> float:
    """A factor of the range; twice is as likely as half."""
    return span[0] * math.exp(math.log(span[1] / span[0]) * rng.random())


def _range(amount: object, option: str, single: Callable[[float], Range]) -> Range:
    """Two finite numbers in order."""
    given = list(amount) if isinstance(amount, (list, tuple)) else [amount]
    numbers = [float(a) for a in given if isinstance(a, (int, float)) and not isinstance(a, bool) and math.isfinite(a)]
    if len(numbers) != len(given) or len(given) not in {1, 2}:
        raise UsageError("BAD_RANGE", option, f"{amount!r} is neither a number nor two numbers", "write for instance 0.1 or [0.0, 0.1]")
    low, high = (numbers[0], numbers[1]) if len(numbers) == 2 else single(numbers[0])
    if low > high:
        raise UsageError("BAD_RANGE", option, f"{amount!r} has its larger number first", f"write [{high:g}, {low:g}]")
    return low, high


def _above(span: Range, limit: float, option: str) -> Range:
    if span[0] <= limit:
        raise UsageError("BAD_RANGE", option, f"{list(span)} reaches {limit:g} or below", f"use numbers above {limit:g}")
    return span
