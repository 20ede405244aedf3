"""Scores as scores.json tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagittal.core.score import Score
from sagittal.report.words import SIGNED


def scores_of(record: Mapping[str, Any], key: str = "scores") -> list[Score]:
    """Scores from the entries of scores.json; unknown keys are left out, a value of NaN is undefined.

    >>> scores_of({"scores": [{"metric": "f1", "class": "B", "value": None, "undefined": "no case of B", "n": 9}]})[0].text()
    'undefined: no case of B'
    """
    found = []
    for entry in record.get(key) or ():
        value = number_in(entry.get("value"))
        found.append(
            Score(
                metric=str(entry["metric"]),
                label=str(entry.get("class") or ""),
                value=value,
                low=number_in(entry.get("low")),
                high=number_in(entry.get("high")),
                n=int(entry.get("n") or 0),
                unit=str(entry.get("unit") or "1"),
                higher_is_better=bool(entry.get("higher_is_better", True)),
                undefined=None if value is not None else str(entry.get("undefined") or "no reason was given"),
                convention=str(entry.get("convention") or ""),
                method=str(entry.get("method") or ""),
            )
        )
    return found


def pick(scores: Sequence[Score], metric: str, label: str = "", positive: object = None) -> Score | None:
    """The score of a metric and class; without a class the overall one, else that of the positive class."""
    of_metric = {s.label: s for s in scores if s.metric == metric}
    return of_metric.get(label) or (of_metric.get(str(positive)) if not label and positive else None)


def goodness(score: Score) -> float:
    """Larger for the better of two values of one metric, whichever way it counts."""
    value = score.value or 0.0
    return -abs(value) if score.metric in SIGNED else value if score.higher_is_better else -value


def number_in(text: object) -> float | None:
    """The number that a cell or a JSON value holds; None for none, for NaN and for a word.

    >>> number_in("0.5"), number_in(""), number_in(float("nan"))
    (0.5, None, None)
    """
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return value if value == value else None
