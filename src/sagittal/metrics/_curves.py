"""Curves for the report: ROC, precision and recall, reliability; JSON-ready."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.metrics._answers import Answers, OneClass
from sagittal.metrics._intervals import Floats, wilson
from sagittal.metrics._probabilities import are_probabilities
from sagittal.metrics._reliability import bins_of

MOST_POINTS = 400
Curve = dict[str, list[float]]


def curves(answers: Answers, *, before: Floats | None = None) -> dict[str, dict[str, Any]]:
    """``roc``, ``pr`` and ``reliability`` of each class (the positive one alone where there are two).

    A curve that is not defined (one class only in the truth) is left out. Reliability is of the calibrated
    probabilities (``after``), and of those before calibration where they are given.

    Args:
        answers: Of classes.
        before: ``(N, K)`` scores before calibration, for the same rows.

    Raises:
        UsageError: The answers are not about classes.

    >>> from sagittal.metrics._examples import two_classes
    >>> curves(two_classes(hits=3, misses=1, rejections=4))["roc"]["ill"]["y"]
    [0.0, 0.75, 1.0]
    """
    each = answers.each_class()
    found: dict[str, dict[str, Any]] = {"roc": {}, "pr": {}, "reliability": {}}
    for one in each:
        if one.truth.any() and not one.truth.all():
            found["roc"][one.label] = roc(one.truth, one.score)
        if one.truth.any():
            found["pr"][one.label] = pr(one.truth, one.score)
    if not answers.known().n or not are_probabilities(answers.known()):
        return found
    found["reliability"] = {one.label: {"after": reliability(one.score, one.truth)} for one in each}
    if before is not None:
        for label, one in _with_scores(answers, before).items():
            found["reliability"][label]["before"] = reliability(one.score, one.truth)
    return found


def roc(truth: NDArray[np.bool_], score: Floats) -> Curve:
    """False-positive rate ``x`` and sensitivity ``y`` from (0, 0) to (1, 1), with the ``threshold`` of each point.

    The first point answers no case: its threshold is that of the next one, for want of a number. Points on a
    straight line are left out, and of very long curves a part.

    Raises:
        ValueError: Only one class in the truth.
    """
    if truth.all() or not truth.any():
        raise ValueError("a ROC curve needs cases of both classes")
    hits, alarms, level = _steps(truth, score)
    ends = np.ones(min(len(level), 1), dtype=np.bool_)
    corner = np.concatenate([ends, (np.diff(alarms, 2) != 0) | (np.diff(hits, 2) != 0), ends])[: len(level)]
    hits, alarms, level = hits[corner], alarms[corner], level[corner]
    x, y = np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])
    return _thin({"x": x, "y": y, "threshold": np.append(level[:1], level)})


def pr(truth: NDArray[np.bool_], score: Floats) -> Curve:
    """Recall ``x`` and precision ``y`` with the ``threshold`` of each point, and ``chance``: the share of the class.

    Raises:
        ValueError: No true case.
    """
    if not truth.any():
        raise ValueError("a precision-recall curve needs a case of the class")
    hits, alarms, level = _steps(truth, score)
    return _thin({"x": hits / hits[-1], "y": hits / (hits + alarms), "threshold": level}) | {"chance": [float(truth.mean())]}


def reliability(confidence: Floats, right: NDArray[Any], *, bins: int = 10) -> Curve:
    """Of each bin that holds cases: mean confidence ``x``, share of right answers ``y`` with its Wilson interval, and ``n``.

    >>> found = reliability(np.array([0.75, 0.75, 0.25]), np.array([True, False, False]))
    >>> found["x"], found["y"], found["n"]
    ([0.25, 0.75], [0.0, 0.5], [1.0, 2.0])
    """
    place = bins_of(confidence, bins=bins)
    found: Curve = {"x": [], "y": [], "low": [], "high": [], "n": []}
    for b in np.unique(place):
        here = place == b
        hits, n = float(right[here].sum()), float(here.sum())
        low, high = wilson(hits, n)
        for key, value in zip(found, (float(confidence[here].mean()), hits / n, low, high, n), strict=True):
            found[key].append(value)
    return found


def _steps(truth: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits and alarms at each threshold, from the highest score on; ties together."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=np.nan) != 0)
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    return hits, last + 1 - hits, score[order][last]


def _thin(curve: dict[str, Floats]) -> Curve:
    n = len(curve["x"])
    kept = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
    return {name: [float(v) for v in values[kept]] for name, values in curve.items()}


def _with_scores(answers: Answers, scores: Floats) -> dict[str, OneClass]:
    return {one.label: one for one in replace(answers, scores=scores).each_class()}
