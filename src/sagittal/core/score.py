"""A number that is honest about itself."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A value with its interval, or the reason why there is none.

    Args:
        metric: Name on the shelf of metrics.
        label: The class it speaks of; empty for all classes together.
        value: None when undefined.
        low: Lower end of the 95 % interval; None where none can be given.
        high: Upper end.
        n: How many cases (or groups) stand behind it.
        unit: ``"1"`` for a ratio, ``mm`` ...
        higher_is_better: For baselines and comparisons.
        undefined: Why there is no value; None when there is one.
        convention: Which of several definitions in use this one is.
        method: How the interval was made: ``wilson``, ``delong``, ``bootstrap`` ...
    """

    metric: str
    label: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = "1"
    higher_is_better: bool = True
    undefined: str | None = None
    convention: str = ""
    method: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("a score has either a value or a reason for having none")
        if self.value is not None and math.isnan(self.value):
            raise ValueError(f"{self.metric} is NaN: an undefined score says why")

    def record(self) -> dict[str, object]:
        """The entry of ``scores.json``; the class is called ``class`` there."""
        row = asdict(self)
        row["class"] = row.pop("label")
        return row

    def text(self, digits: int = 3) -> str:
        """For people: ``0.799 (0.772 to 0.823)``, or the reason why there is no number."""
        if self.value is None:
            return f"undefined: {self.undefined}"
        value = f"{self.value:.{digits}f}"
        if self.low is None or self.high is None:
            return value
        return f"{value} ({self.low:.{digits}f} to {self.high:.{digits}f})"
