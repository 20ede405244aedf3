"""Thresholds and abstain band fitted on validation, with what they promise of new cases."""

from __future__ import annotations

import math

import numpy as np

from sagittal.core.annotation import IGNORE
from sagittal.core.labels import Labels
from sagittal.engine.operating import Array, Floats, OperatingPoint, Rule, Threshold

LEAST_OF_CLASS = 5


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
