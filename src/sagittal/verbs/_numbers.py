"""Between which numbers each option of a verb makes sense; asked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sagittal.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The numbers that an option takes.

    Args:
        least: The smallest.
        most: The largest: more is a slip of the finger, or would be cut off somewhere below.
        open: ``least`` itself is none of them.

    >>> Range(least=0, most=1, open=True).holds(0.0), Range(least=0, most=1).holds(float("nan"))
    (False, False)
    """

    least: float
    most: float
    open: bool = False

    def holds(self, number: float) -> bool:
        """Whether it is one of them; NaN is not."""
        return math.isfinite(number) and (self.least < number if self.open else self.least <= number) and number <= self.most

    def __str__(self) -> str:
        """For a person: what to give."""
        return f"above {_told(self.least)}, up to {_told(self.most)}" if self.open else f"from {_told(self.least)} to {_told(self.most)}"


_SEED = Range(least=0, most=2**63 - 1)

RANGES: Mapping[str, Range] = {
    "axes": Range(least=0, most=3),
    "channels": Range(least=1, most=65_536),
    "classes": Range(least=1, most=1_000_000),
    "max_pixels": Range(least=1, most=2**63 - 1),
    "max_ram": Range(least=0, most=1_000_000, open=True),
    "mpp": Range(least=0, most=1_000, open=True),
    "seed": _SEED,
    "seeds": Range(least=1, most=1_000),
    "size": Range(least=1, most=65_536),
    "threads": Range(least=1, most=1_024),
    "tolerance": Range(least=0, most=1_000_000, open=True),
    "top": Range(least=1, most=1_000_000),
    "trials": Range(least=1, most=1_000_000),
    "workers": Range(least=1, most=1_024),
}
"""Of each option that takes a number, under its Python name."""


def check_numbers(**given: float | None) -> None:
    """Complain about a number that an option cannot take; None was not said.

    Raises:
        UsageError: It is out of its range, infinite or no number.

    >>> check_numbers(top=3, mpp=None)
    """
    for name, number in given.items():
        if number is not None and not RANGES[name].holds(number):
            what = f"{number} is out of its range" if math.isfinite(number) else f"{number} is no number to work with"
            raise UsageError("OUT_OF_RANGE", f"--{name.replace('_', '-')}", what, f"give a number {RANGES[name]}, or leave it out")


def _told(number: float) -> str:
    return "2^63 - 1" if number == _SEED.most else f"{number:,}"
