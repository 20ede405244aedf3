"""Where a probability becomes an answer, and where the model should not decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["sensitivity", "specificity", "youden", "argmax"]
Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """From which probability on the answer is a class.

    Args:
        label: The class.
        value: Answered when the probability is at least this.
        sensitivity: On the validation cases it was fitted on; None when not fitted.
        specificity: The same.
        n_with: Validation cases that have the class.
        n_without: And that have not.
        note: What the data could not give.
    """

    label: str
    value: float
    sensitivity: float | None = None
    specificity: float | None = None
    n_with: int = 0
    n_without: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPoint:
    """How probabilities become an answer, and when they should not.

    Args:
        classes: Names, in the order of the scores.
        exclusive: Exactly one class is true.
        rule: How the thresholds were put.
        wanted: The sensitivity or specificity asked for; None for the other rules.
        thresholds: Of the positive class where one is named; of every class where classes do not exclude each other.
            Without any, the answer is the class of the highest probability.
        least_sure: Answers less sure than this are withheld; None: never. See :meth:`sureness`.
        error_wanted: The share of errors that the other answers may have.
        abstained: The share of validation that is withheld.
        error_left: The share of errors among the other answers on validation.
        note: Why there is no threshold or no band.

    >>> point = OperatingPoint(classes=("no", "yes"), exclusive=True, rule="sensitivity", wanted=0.95,
    ...                        thresholds=(Threshold(label="yes", value=0.2),), least_sure=0.1)
    >>> scores = np.array([[0.75, 0.25], [0.9, 0.1], [0.81, 0.19]])
    >>> point.decide(scores).tolist(), point.abstains(scores).tolist()
    ([1, 0, 0], [True, False, True])
    """

    classes: tuple[str, ...]
    exclusive: bool
    rule: Rule = "argmax"
    wanted: float | None = None
    thresholds: tuple[Threshold, ...] = ()
    least_sure: float | None = None
    error_wanted: float | None = None
    abstained: float | None = None
    error_left: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        numbers = [t.value for t in self.thresholds] + ([] if self.least_sure is None else [self.least_sure])
        if not all(math.isfinite(v) and 0 <= v <= 1 for v in numbers):
            raise ValueError("thresholds of an operating point are probabilities")
        if any(t.label not in self.classes for t in self.thresholds) or (self.exclusive and len(self.thresholds) > 1):
            raise ValueError("an operating point has thresholds for classes that it knows, and one where classes exclude each other")

    @property
    def positive(self) -> str | None:
        """The class that the one threshold is for, where classes exclude each other."""
        return self.thresholds[0].label if self.exclusive and self.thresholds else None

    @property
    def threshold(self) -> float | None:
        """Its threshold."""
        return self.thresholds[0].value if self.exclusive and self.thresholds else None

    def decide(self, scores: Array) -> Array:
        """Answers: ``(N,)`` class indices, or ``(N, K)`` bool where classes do not exclude each other.

        The positive class where its probability is at least the threshold, else the most probable of the others.
        """
        given = np.asarray(scores, dtype=np.float64)  # else numpy would round the threshold to the scores' precision
        if not self.exclusive:
            limits = {t.label: t.value for t in self.thresholds}
            several: Array = given >= [limits.get(name, 0.5) for name in self.classes]
            return several
        if self.positive is None or self.threshold is None:
            best: Array = given.argmax(axis=1)
            return best
        at = self.classes.index(self.positive)
        others = np.where(np.arange(len(self.classes)) == at, -np.inf, given).argmax(axis=1)
        return np.where(given[:, at] >= self.threshold, at, others)

    def sureness(self, scores: Array) -> Floats:
        """How far each answer is from being another one, ``(N,)`` in 0..1.

        Without a threshold the highest probability. With one, 0 at the threshold and 1 where the positive class
        has the probability 0 or 1; among several other classes, times the share of the best of them.
        """
        given = np.asarray(scores, dtype=np.float64)
        if self.threshold is None or self.positive is None:
            top: Floats = given.max(axis=1)
            return top
        at, limit = self.classes.index(self.positive), self.threshold
        p, rest = given[:, at], np.delete(given, at, axis=1)
        best = rest.max(axis=1) / np.maximum(rest.sum(axis=1), 1e-38)
        over = (p - limit) / max(1 - limit, 1e-12)
        under = (limit - p) / max(limit, 1e-12) * best
        sure: Floats = np.clip(np.where(p >= limit, over, under), 0, 1)
        return sure

    def abstains(self, scores: Array) -> NDArray[np.bool_]:
        """Which answers should be withheld, ``(N,)``."""
        if self.least_sure is None:
            return np.zeros(len(scores), dtype=np.bool_)
        withheld: NDArray[np.bool_] = self.sureness(scores) < self.least_sure
        return withheld

    def record(self) -> dict[str, object]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        row = asdict(self)
        row["classes"] = list(self.classes)
        row["thresholds"] = [asdict(t) for t in self.thresholds]
        return {**row, "positive": self.positive, "threshold": self.threshold}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> OperatingPoint:
        """An operating point from what :meth:`record` gave.

        Raises:
            ValueError: It is not such a record.
        """
        try:
            known = {k: v for k, v in record.items() if k not in ("positive", "threshold")}
            known["classes"] = tuple(str(v) for v in known["classes"])
            known["thresholds"] = tuple(Threshold(**t) for t in known["thresholds"])
            return cls(**known)
        except (KeyError, TypeError) as cause:
            what = f"not the record of an operating point: {cause}"
            raise ValueError(what) from cause
