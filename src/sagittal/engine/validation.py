"""What validation cases were like, in a few numbers: other data are held against them, also where the cases are not at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

COMPARED = ("accuracy", "auc", "balanced_accuracy", "dice", "r2")
"""Scores that other data are held against."""

LEVELS = 100
"""Quantiles of a measure: at .5 %, 1.5 % and so on."""

MOST_MEASURES = 64
"""Of a model that answers with many values, the first ones."""

MOST_DRAWN = 10_000
"""Values that quantiles are spread out to: a difference worth telling is beyond chance long before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How a measure is spread over cases.

    Args:
        n: Cases.
        quantiles: ``LEVELS`` of them, ascending.
    """

    n: int
    quantiles: tuple[float, ...]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """From a number a case, all finite.

        >>> Spread.of(np.arange(200.0)).quantiles[:3]
        (0.0, 2.0, 4.0)
        """
        found = np.quantile(np.asarray(values, np.float64), _at(LEVELS), method="inverted_cdf")
        return cls(n=len(values), quantiles=tuple(sorted(found.tolist())))

    def values(self) -> NDArray[np.float64]:
        """As many values with these quantiles, for tests of two samples; of up to ``LEVELS`` cases the values themselves.

        >>> Spread.of(np.array([2.0, 3.0, 2.0, 2.0, 5.0])).values().tolist()
        [2.0, 2.0, 2.0, 3.0, 5.0]
        """
        found: NDArray[np.float64] = np.array(self.quantiles)[(_at(min(self.n, MOST_DRAWN)) * LEVELS).astype(int)]
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """A score with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """What validation cases were like and how they were answered; of no case by itself.

    Args:
        measures: By name; those of fewer than 8 cases are left out.
        answered: How often each class was answered; None where answers are no classes.
        true: How often each class was the truth.
        scores: Those of ``COMPARED`` that have an interval.
    """

    measures: Mapping[str, Spread]
    answered: tuple[int, ...] | None
    true: tuple[int, ...] | None
    scores: Mapping[str, Bounds]

    def record(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """What :meth:`record` gave."""
        return cls(
            measures={name: Spread(n=s["n"], quantiles=tuple(s["quantiles"])) for name, s in record["measures"].items()},
            answered=None if record["answered"] is None else tuple(record["answered"]),
            true=None if record["true"] is None else tuple(record["true"]),
            scores={name: Bounds(**s) for name, s in record["scores"].items()},
        )


def _at(n: int) -> NDArray[np.float64]:
    """The middles of ``n`` equal parts of 0 to 1."""
    return (np.arange(n) + 0.5) / n
