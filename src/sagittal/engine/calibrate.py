"""Probabilities that mean what they say: fitted on validation, stored with the model, applied everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from sagittal.core.annotation import IGNORE
from sagittal.core.labels import Labels
from sagittal.engine.operating import OperatingPoint
from sagittal.engine.thresholds import fit_operating_point
from sagittal.metrics._reliability import expected_error

__all__ = ["Calibration", "OperatingPoint", "fit_calibration", "fit_operating_point"]

LEAST_CASES = 20
LEAST_OF_CLASS = 5
STEEPEST = 20.0
"""A slope beyond this (or below its inverse) is no correction but a sign that the data cannot tell."""

Array = NDArray[Any]
Floats = NDArray[np.float64]
Kind = Literal["identity", "temperature", "platt"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """How the model's probabilities are corrected.

    Args:
        kind: ``temperature``: one slope on the log-probabilities of classes that exclude each other (Guo et al. 2017);
            ``platt``: slope and shift of each class by itself (Platt 1999); ``identity``: nothing is changed.
        classes: Names, in the order of the scores.
        slope: One a class; for a temperature T all are 1 / T.
        shift: One a class, on the logit scale.
        n: How many validation cases it was fitted on.
        reasons: Why a class (or all of them: the empty name) is left as it is.
        before: Expected calibration error and log loss on validation, before.
        after: The same after; of the cases it was fitted on, so a little flattering.

    >>> hot = Calibration(kind="temperature", classes=("a", "b"), slope=(0.5, 0.5), shift=(0.0, 0.0), n=100)
    >>> hot.apply(np.array([[0.9, 0.1]])).round(3).tolist()
    [[0.75, 0.25]]
    """

    kind: Kind
    classes: tuple[str, ...]
    slope: tuple[float, ...]
    shift: tuple[float, ...]
    n: int = 0
    reasons: Mapping[str, str] | None = None
    before: Mapping[str, float] | None = None
    after: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        numbers = (*self.slope, *self.shift)
        if self.kind not in ("identity", "temperature", "platt") or not len(self.classes) == len(self.slope) == len(self.shift):
            raise ValueError("a calibration needs a known kind, and a slope and a shift for each class")
        if not all(math.isfinite(v) for v in numbers) or min(self.slope, default=1.0) <= 0:
            raise ValueError("slopes of a calibration are above 0, and all of its numbers are finite")
        if self.kind == "temperature" and (len(set(self.slope)) > 1 or any(self.shift)):
            raise ValueError("a temperature is one slope for all classes, without a shift")

    @property
    def temperature(self) -> float | None:
        """The T that logits are divided by, where there is one."""
        return 1 / self.slope[0] if self.kind == "temperature" else None

    def apply(self, scores: Array) -> Floats:
        """Corrected probabilities, ``(N, K)`` from ``(N, K)``.

        Raises:
            ValueError: Another number of classes.
        """
        given = np.asarray(scores, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != len(self.classes):
            raise ValueError(f"scores are {given.shape}, and this calibration is for {len(self.classes)} classes")
        if self.kind == "identity":
            return given
        if self.kind == "temperature":
            corrected: Floats = softmax(_log(given) * self.slope[0], axis=1)
            return corrected
        # A class that is left as it is passes through untouched, not through logit and back.
        changed = expit(_logit(given) * self.slope + self.shift)
        kept = (np.array(self.slope) == 1) & (np.array(self.shift) == 0)
        return np.where(kept, given, changed)

    def record(self) -> dict[str, object]:
        """A JSON-ready description; :meth:`from_record` reads it back."""
        return {
            "kind": self.kind,
            "classes": list(self.classes),
            "slope": list(self.slope),
            "shift": list(self.shift),
            "n": self.n,
            "reasons": dict(self.reasons or {}),
            "before": dict(self.before or {}),
            "after": dict(self.after or {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Calibration:
        """A calibration from what :meth:`record` gave.

        Raises:
            ValueError: It is not such a record.
        """
        try:
            return cls(
                kind=record["kind"],
                classes=tuple(str(v) for v in record["classes"]),
                slope=tuple(float(v) for v in record["slope"]),
                shift=tuple(float(v) for v in record["shift"]),
                n=int(record["n"]),
                reasons=dict(record.get("reasons") or {}),
                before=dict(record.get("before") or {}),
                after=dict(record.get("after") or {}),
            )
        except (KeyError, TypeError) as cause:
            what = f"not the record of a calibration: {cause}"
            raise ValueError(what) from cause


def fit_calibration(scores: Array, truth: Array, labels: Labels) -> Calibration:
    """The correction that makes validation's truth most likely.

    Never makes the log loss on validation worse. Where validation cannot tell (fewer than 20 known cases, every
    answer right, a class seen fewer than 5 times) the probabilities stay as they are and the reason is kept.

    Args:
        scores: ``(N, K)`` probabilities on validation, as the model gives them.
        truth: ``(N,)`` class indices (``IGNORE``: left out) for a temperature, ``(N, K)`` bool for Platt's scaling.
        labels: The classes.

    >>> rng = np.random.default_rng(1)
    >>> honest = rng.random(2000)
    >>> truth = (rng.random(2000) < honest).astype(int)
    >>> boastful = expit(2 * logit(honest))
    >>> fitted = fit_calibration(np.stack([1 - boastful, boastful], axis=1), truth, Labels(classes=("no", "yes")))
    >>> 1.8 < fitted.temperature < 2.2
    True
    """
    given, said = np.asarray(scores, dtype=np.float64), np.asarray(truth)
    if said.ndim == 1:
        given, said = given[said != IGNORE], said[said != IGNORE]
    fitted = _temperature(given, said, labels) if said.ndim == 1 else _platt(given, said, labels)
    if not len(given):
        return fitted
    return Calibration(
        kind=fitted.kind,
        classes=fitted.classes,
        slope=fitted.slope,
        shift=fitted.shift,
        n=len(given),
        reasons=fitted.reasons,
        before=_quality(given, said),
        after=_quality(fitted.apply(given), said),
    )


def _identity(labels: Labels, reason: str) -> Calibration:
    k = len(labels)
    return Calibration(kind="identity", classes=labels.classes, slope=(1.0,) * k, shift=(0.0,) * k, reasons={"": reason})


def _temperature(scores: Floats, truth: Array, labels: Labels) -> Calibration:
    n = len(truth)
    if n < LEAST_CASES:
        return _identity(labels, f"validation has {n} known cases, and a temperature needs at least {LEAST_CASES}")
    if (scores.argmax(axis=1) == truth).all():
        return _identity(labels, f"all {n} validation cases are answered right, so nothing tells how sure to be")
    logs, rows = _log(scores), np.arange(n)

    def loss(log_slope: float) -> float:
        return -float(log_softmax(logs * math.exp(log_slope), axis=1)[rows, truth].mean())

    edge = math.log(STEEPEST)
    found = minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6})
    if abs(found.x) > edge - 1e-2:
        return _identity(labels, "no temperature fits: the scores say next to nothing about the truth of validation")
    if found.fun >= loss(0.0):
        return _identity(labels, "no temperature is better than none")
    slope = math.exp(float(found.x))
    return Calibration(kind="temperature", classes=labels.classes, slope=(slope,) * len(labels), shift=(0.0,) * len(labels))


def _platt(scores: Floats, truth: Array, labels: Labels) -> Calibration:
    if len(truth) < LEAST_CASES:
        return _identity(labels, f"validation has {len(truth)} cases, and calibration needs at least {LEAST_CASES}")
    slopes, shifts, reasons = [], [], {}
    for k, name in enumerate(labels.classes):
        slope, shift, why = _one_class(_logit(scores[:, k]), truth[:, k])
        slopes.append(slope)
        shifts.append(shift)
        if why:
            reasons[name] = why
    kind: Kind = "identity" if len(reasons) == len(labels) else "platt"
    return Calibration(kind=kind, classes=labels.classes, slope=tuple(slopes), shift=tuple(shifts), reasons=reasons)


def _one_class(logits: Floats, truth: Array) -> tuple[float, float, str]:
    """Slope, shift, and why they are 1 and 0 if they are."""
    up, down = int(truth.sum()), int((~truth).sum())
    if min(up, down) < LEAST_OF_CLASS:
        return 1.0, 0.0, f"{up} cases with and {down} without it in validation; {LEAST_OF_CLASS} of each are needed"
    # Platt's targets: one case more on each side, so that complete separation does not give endless slopes.
    target = np.where(truth, (up + 1) / (up + 2), 1 / (down + 2))
    found = minimize(_bernoulli(logits, target), x0=np.array([1.0, 0.0]), method="BFGS")
    slope, shift = (float(v) for v in found.x)
    plain = _bernoulli(logits, truth.astype(np.float64))
    if not 1 / STEEPEST < slope < STEEPEST:
        return 1.0, 0.0, "its scores say next to nothing about the truth of validation, or are the wrong way round"
    if plain(np.array([slope, shift])) >= plain(np.array([1.0, 0.0])):
        return 1.0, 0.0, "no correction is better than none"
    return slope, shift, ""


def _bernoulli(logits: Floats, target: Floats) -> Callable[[Floats], float]:
    """The mean log loss as a function of slope and shift."""

    def loss(at: Floats) -> float:
        z = at[0] * logits + at[1]
        return float((np.logaddexp(0, z) - target * z).mean())

    return loss


def _quality(scores: Floats, truth: Array) -> dict[str, float]:
    """Expected calibration error and log loss; the mean over classes where there are several labels."""
    if truth.ndim == 1:
        loss = -float(np.log(np.maximum(scores[np.arange(len(truth)), truth], np.finfo(np.float64).eps)).mean())
        return {"ece": expected_error(scores.max(axis=1), scores.argmax(axis=1) == truth), "log_loss": loss}
    sure = np.clip(np.where(truth, scores, 1 - scores), np.finfo(np.float64).eps, 1)
    errors = [expected_error(scores[:, k], truth[:, k]) for k in range(truth.shape[1])]
    return {"ece": float(np.mean(errors)), "log_loss": -float(np.log(sure).mean())}


def _log(scores: Array) -> Floats:
    """Logarithms of probabilities; a 0 of single precision becomes a very small number, not minus infinity."""
    logs: Floats = np.log(np.maximum(scores, 1e-38))
    return logs


def _logit(scores: Array) -> Floats:
    """Log-odds of probabilities, held within what single precision can tell from 0 and 1."""
    odds: Floats = logit(np.clip(scores, 1e-7, 1 - 1e-7))
    return odds
