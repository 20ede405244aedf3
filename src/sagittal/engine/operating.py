"""Where a probability becomes an answer, and where the model should not decide: fitted on validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.core.labels import Labels

LEAST_OF_CLASS = 5
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


def fit_operating_point(
    scores: Array, truth: Array, labels: Labels, *, rule: Rule = "sensitivity", wanted: float = 0.95, error: float | None = 0.05
) -> OperatingPoint:
    """Thresholds and abstain band from validation.

    A threshold for a wanted sensitivity is put so that a *new* case of the class is missed with at most the
    remaining chance, on average over validation sets (the conformal quantile), not only those at hand. The band
    withholds as few answers as make ``(errors + 1) / (answers + 1)`` on validation at most the wanted error.

    Args:
        scores: ``(N, K)`` probabilities on validation, calibrated.
        truth: ``(N,)`` class indices (``IGNORE``: left out), or ``(N, K)`` bool.
        labels: The classes; a threshold among classes that exclude each other needs a positive one.
        rule: A stated ``sensitivity`` or ``specificity``, the largest sum of both (``youden``), or none (``argmax``).
        wanted: The stated one.
        error: The share of errors that answers outside the band may have; None: no band.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 400)
    >>> p = 1 / (1 + np.exp(-(rng.normal(size=400) + 3 * truth - 1.5)))
    >>> point = fit_operating_point(np.stack([1 - p, p], 1), truth, Labels(classes=("no", "yes"), positive="yes"))
    >>> point.positive, point.thresholds[0].sensitivity > 0.95
    ('yes', True)
    """
    given, said = np.asarray(scores, dtype=np.float64), np.asarray(truth)
    if said.ndim == 1:
        given, said = given[said != IGNORE], said[said != IGNORE]
    point = _with_thresholds(given, said, labels, rule=rule, wanted=wanted)
    return point if error is None else _with_band(point, given, said, error)


def _with_thresholds(scores: Floats, truth: Array, labels: Labels, *, rule: Rule, wanted: float) -> OperatingPoint:
    exclusive = truth.ndim == 1
    plain = OperatingPoint(classes=labels.classes, exclusive=exclusive)
    if rule == "argmax":
        return plain
    if exclusive and labels.positive is None:
        return _noted(plain, "no positive class is named, so the answer is the most probable class")
    names = [labels.positive] if exclusive and labels.positive is not None else list(labels.classes)
    found = []
    for name in names:
        k = labels.index(name)
        has = truth == k if exclusive else truth[:, k]
        found.append(_threshold(name, scores[:, k], has, rule=rule, wanted=wanted))
    if exclusive and math.isnan(found[0].value):
        return _noted(plain, found[0].note)
    return OperatingPoint(
        classes=labels.classes,
        exclusive=exclusive,
        rule=rule,
        wanted=None if rule == "youden" else wanted,
        thresholds=tuple(t for t in found if not math.isnan(t.value)),
        note="; ".join(f"{t.label}: {t.note}" for t in found if t.note),
    )


def _noted(point: OperatingPoint, note: str) -> OperatingPoint:
    return OperatingPoint(classes=point.classes, exclusive=point.exclusive, note=note)


def _threshold(label: str, score: Floats, has: Array, *, rule: Rule, wanted: float) -> Threshold:
    """The threshold of one class; its value is NaN where validation has too few cases."""
    up, down = int(has.sum()), int((~has).sum())
    if min(up, down) < LEAST_OF_CLASS:
        note = f"validation has {up} cases with and {down} without {label}; {LEAST_OF_CLASS} of each are needed for a threshold"
        return Threshold(label=label, value=math.nan, n_with=up, n_without=down, note=note)
    if rule == "youden":
        value, note = _youden(score, has), ""
    elif rule == "sensitivity":
        value, note = _quantile(np.sort(score[has]), score, wanted, below=True)
    else:
        value, note = _quantile(np.sort(score[~has])[::-1], score, wanted, below=False)
    said = score >= value
    return Threshold(
        label=label,
        value=value,
        sensitivity=float(said[has].mean()),
        specificity=float((~said[~has]).mean()),
        n_with=up,
        n_without=down,
        note=note,
    )


def _quantile(ordered: Floats, score: Floats, wanted: float, *, below: bool) -> tuple[float, str]:
    """The threshold just beyond the case, counted from the wrong end, that keeps the promise for a new case."""
    n = len(ordered)
    spare = math.floor((n + 1) * (1 - wanted) + 1e-9)
    note = "" if spare else f"{n} cases are too few to promise {wanted:g}: the threshold is put beyond all of them"
    edge = ordered[max(spare, 1) - 1]
    if below:
        lower = score[score < edge]
        return float((edge + lower.max()) / 2 if lower.size else edge), note
    higher = score[score > edge]
    return float((edge + higher.min()) / 2 if higher.size else min(1.0, np.nextafter(edge, 2))), note


def _youden(score: Floats, has: Array) -> float:
    """The threshold with the largest sum of sensitivity and specificity, half way to the next lower score."""
    levels = np.unique(score)
    cuts = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2])
    up, down = np.sort(score[has]), np.sort(score[~has])
    sensitivity = 1 - np.searchsorted(up, cuts) / len(up)
    specificity = np.searchsorted(down, cuts) / len(down)
    return float(cuts[np.argmax(sensitivity + specificity)])


def _with_band(point: OperatingPoint, scores: Floats, truth: Array, error: float) -> OperatingPoint:
    """The same point with the smallest band that holds the error; see :func:`fit_operating_point`."""
    fields = {name: getattr(point, name) for name in ("classes", "exclusive", "rule", "wanted", "thresholds")}
    if not point.exclusive:
        return OperatingPoint(**fields, note=_joined(point.note, "no abstain band where a case may have several classes"))
    sure, right = point.sureness(scores), point.decide(scores) == truth
    levels = np.unique(sure)
    answered = len(sure) - np.searchsorted(np.sort(sure), levels)
    wrong = int((~right).sum()) - np.searchsorted(np.sort(sure[~right]), levels)
    held = np.flatnonzero((wrong + 1) / (answered + 1) <= error) if len(levels) else np.zeros(0, dtype=int)
    if not held.size:
        note = f"no abstain band: {len(sure)} validation cases do not show an error of at most {error:g} among any answers"
        return OperatingPoint(**fields, error_wanted=error, note=_joined(point.note, note))
    first = int(held[0])
    return OperatingPoint(
        **fields,
        note=point.note,
        error_wanted=error,
        least_sure=float(levels[first]) if first else 0.0,
        abstained=1 - float(answered[first]) / len(sure),
        error_left=float(wrong[first]) / float(answered[first]),
    )


def _joined(*notes: str) -> str:
    return "; ".join(n for n in notes if n)
