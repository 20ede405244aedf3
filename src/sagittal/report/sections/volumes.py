"""Volumes: how much was drawn, truth against answer, a class at a time (Bland and Altman)."""

from __future__ import annotations

import statistics
from typing import Any

from sagittal.report import figures, words
from sagittal.report._svg import Axis, reach
from sagittal.report.figures import Series
from sagittal.report.page import fill
from sagittal.report.score_reading import number_in
from sagittal.report.section import Section
from sagittal.report.view import RunView

MOST_POINTS = 1500
LEAST_CASES = 3

PAGE = """
<div class="panels">
{% for chart in charts %}
{{ parts.chart(chart.svg, chart.name, chart.note) }}
{% endfor %}
</div>
<p class="small">A dot is a case: across the mean of true and answered size, up the answer minus the truth. Dashed: the mean
difference and the limits between which 95\u202f% of the differences lie (Bland and Altman, 1986).</p>
"""


def volumes(view: RunView) -> Section | None:
    """A Bland-Altman plot a class; None where answers are not drawn or cases are too few."""
    names = [c.partition(":")[2] for c in (view.predictions[0] if view.predictions else ()) if c.startswith("true_volume:")]
    charts = [chart for name in names if (chart := _chart(view, name))]
    if not charts:
        return None
    what = words.grid(view.axes).said("{Size}s")
    lede = "Whether the answers are too large or too small, and whether that depends on the size."
    return Section(title=what, order=74, lede=lede, html=fill(PAGE, charts=charts))


def _chart(view: RunView, name: str) -> dict[str, Any] | None:
    pairs = [(number_in(row.get(f"true_volume:{name}")), number_in(row.get(f"found_volume:{name}"))) for row in view.predictions]
    points = [(a, b) for a, b in pairs if a is not None and b is not None and a + b > 0]
    if len(points) < LEAST_CASES:
        return None
    gaps = [b - a for a, b in points]
    bias, spread = statistics.fmean(gaps), statistics.stdev(gaps)
    low, high = bias - 1.96 * spread, bias + 1.96 * spread
    shown = points[:: -(-len(points) // MOST_POINTS)]
    suffix = f", {view.volume_unit}" if view.volume_unit else ""
    across = reach([(a + b) / 2 for a, b in points], label="mean of both" + suffix)
    up = reach([*gaps, low, high, 0.0], label="answer \u2212 truth" + suffix)
    dots = Series(name=name, x=[(a + b) / 2 for a, b in shown], y=[b - a for a, b in shown], colour=view.colour(name))
    levels = [(level, f"{label} {words.number(level)}") for label, level in (("+1.96 sd", high), ("bias", bias), ("\u22121.96 sd", low))]
    share = 100 * bias / statistics.fmean([a for a, _ in points]) if any(a for a, _ in points) else 0.0
    unit = view.volume_unit or "1"
    told = [words.with_unit(words.number(v), unit) for v in (bias, low, high)]
    size = f" ({words.number(share, 1)}{words.NARROW}% of the mean true size)" if any(a for a, _ in points) else ""
    note = f"Bias {told[0]}{size}; 95{words.NARROW}% of the differences lie between {told[1]} and {told[2]}; n\u00a0=\u00a0{len(points)}."
    return {"name": name, "svg": figures.cloud([dots], across, _spread(up), levels=_apart(levels, up)), "note": note}


def _spread(axis: Axis) -> Axis:
    """A little more room above the highest line, for its name."""
    return Axis(low=axis.low, high=axis.high + 0.06 * (axis.high - axis.low), label=axis.label)


def _apart(levels: list[tuple[float, str]], axis: Axis) -> list[tuple[float, str]]:
    """Lines too near to each other keep only the name of the first one."""
    named, last = [], float("inf")
    for level, name in levels:
        near = abs(last - level) < 0.06 * (axis.high - axis.low)
        named.append((level, "" if near else name))
        last = last if near else level
    return named
