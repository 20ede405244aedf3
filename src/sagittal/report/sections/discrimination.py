"""Discrimination: ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagittal.report import figures, words
from sagittal.report._svg import Axis
from sagittal.report.figures import DASHES, Series
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

MOST_NAMED = 6

PAGE = """
<div class="panels">
{% for chart in charts %}{{ parts.chart(chart.svg, chart.title, chart.note, parts.legend(chart.legend)) }}{% endfor %}
</div>
"""


def discrimination(view: RunView) -> Section | None:
    """Both curves, a class at a time; None where curves.json has neither.

    With many classes the positive one and the hardest are named, the others drawn grey.
    """
    kinds = (
        ("roc", "ROC", "1 \u2212 specificity", "sensitivity", "auc", "The dotted diagonal is chance."),
        (
            "pr",
            "Precision and recall",
            "recall (sensitivity)",
            "precision (PPV)",
            "average_precision",
            "Chance is the share of the class, dotted where there is one curve.",
        ),
    )
    charts = []
    for key, title, across, up, metric, note in kinds:
        curves = {str(k): v for k, v in (view.curves.get(key) or {}).items() if isinstance(v, dict) and v.get("x")}
        if curves:
            named = _named(view, curves)
            series = [_series(view, name, curve, named) for name, curve in curves.items()]
            level = _chance(next(iter(curves.values()))) if len(curves) == 1 else None
            drawn = [*series, level] if level is not None else series
            svg = figures.curves(drawn, Axis(low=0, high=1, label=across), Axis(low=0, high=1, label=up), diagonal=key == "roc")
            rest = len(curves) - len(named)
            more = f" The hardest classes are named, {words.count(rest, 'other')} drawn grey." if rest else ""
            charts.append({"title": title, "svg": svg, "note": note + more, "legend": _legend(view, series, metric)})
    return Section(title="ROC and precision-recall", order=70, html=fill(PAGE, charts=charts)) if charts else None


def _chance(curve: Mapping[str, Any]) -> Series | None:
    """The height of a precision-recall curve that does not look: the share of the class."""
    told = curve.get("chance")
    level = told[0] if isinstance(told, list) and told else told
    if not isinstance(level, int | float):
        return None
    return Series(name="chance", x=[0, 1], y=[level, level], colour="var(--soft)", dash="1.5 4")


def _named(view: RunView, curves: Mapping[str, Any]) -> list[str]:
    """Which curves are drawn in colour: all of a few; of many the positive one and those with least area below."""
    if len(curves) <= MOST_NAMED:
        return list(curves)
    hardest = sorted(curves, key=lambda name: _area(curves[name]))
    positive = view.labels.positive
    first = [positive] if positive is not None and positive in curves else []
    return list(dict.fromkeys([*first, *hardest]))[:MOST_NAMED]


def _area(curve: Mapping[str, Any]) -> float:
    x, y = curve["x"], curve["y"]
    return float(sum(abs(x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2 for i in range(len(x) - 1)))


def _series(view: RunView, name: str, curve: Mapping[str, Any], named: list[str]) -> Series:
    place = named.index(name) if name in named else 0
    many = len(named) < len(view.labels)
    colour = f"var(--series-{place})" if many else view.colour(name)
    dash = DASHES[place % len(DASHES)] if len(named) > 1 else ""
    return Series(name=name, x=curve["x"], y=curve["y"], colour=colour, dash=dash, quiet=name not in named)


def _legend(view: RunView, series: list[Series], metric: str) -> list[dict[str, str]]:
    rows = []
    for one in series:
        score = view.find(metric, one.name)
        value = words.number(score.value) if score is not None and score.value is not None else ""
        if not one.quiet:
            rows.append({"name": one.name or "all", "colour": one.colour, "dash": one.dash, "value": value})
    return rows
