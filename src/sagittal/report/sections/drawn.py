"""Drawn answers: how each case did, class by class, and which were drawn worst."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from sagittal.report import words
from sagittal.report._svg import Axis, reach, tag
from sagittal.report.page import fill
from sagittal.report.score_table import named
from sagittal.report.section import Section
from sagittal.report.view import CaseScore, RunView

DOTS = 400
LEAST_BOX = 5
FIRST = ("dice", "hd95")

PAGE = """
{% for metric in metrics %}
{% if loop.index == shown + 1 %}
<details><summary>{{ (metrics | length - shown) | count("further score") }}, case by case</summary>
{% endif %}
<h3 class="block-head">{{ metric.name }}</h3>
<table class="scores">
<colgroup><col style="width:19%"><col style="width:37%"><col style="width:11%"><col style="width:17%"><col style="width:16%"></colgroup>
<thead><tr><th>Class</th><th></th><th>Median</th><th>Worst</th><th class="num">n</th></tr></thead>
<tbody>{% for row in metric.rows %}
<tr><th scope="row" class="name">{{ row.name }}</th><td class="plot">{{ row.dots }}</td>
<td data-name="median"><span class="number">{{ row.median | number }}</span></td>
<td data-name="worst">{{ row.worst | number }} <span class="interval">{{ row.case }}</span></td>
<td class="num" data-name="n">{{ row.n | count }}
{%- if row.undefined %} <span class="interval">+ {{ row.undefined }} undefined</span>{% endif %}</td></tr>
{% endfor %}</tbody></table>
{% if loop.last and metrics | length > shown %}</details>{% endif %}
{% endfor %}
<p class="small">A dot is a case; the box holds the middle half of the cases, the line in it is the median. Axes: {{ axes }}.</p>
"""


def drawn(view: RunView) -> Section | None:
    """A dot a case for each metric and class; None where the answers were not scored a case."""
    metrics, axes = [], []
    for metric in dict.fromkeys(s.metric for s in view.case_scores):
        scores = [s for s in view.case_scores if s.metric == metric]
        values = [s.value for s in scores if s.value is not None]
        if not values:
            continue
        ratio = min(values) >= 0 and max(values) <= 1
        axis = Axis(low=0, high=1) if ratio else reach(values, zero=True)
        axes.append(f"{words.in_sentence(metric, view.axes)} {axis.low:.3g} to {axis.high:.3g}")
        model = next((s for s in view.scores if s.metric == metric), None)
        better = model.higher_is_better if model is not None else ratio
        classes = dict.fromkeys(s.label for s in scores)
        made = [_row(view, [s for s in scores if s.label == name], axis, higher_is_better=better) for name in classes]
        metrics.append(
            {
                "metric": metric,
                "name": named(model, view.axes) if model is not None else words.metric_name(metric, view.axes),
                "rows": [r for r in made if r],
            }
        )
    if not metrics:
        return None
    first = [m for m in metrics if m["metric"] in FIRST] or metrics[:1]
    ordered = metrics if len(metrics) <= len(FIRST) else [*first, *(m for m in metrics if m not in first)]
    shown = len(metrics) if ordered is metrics else len(first)
    lede = "A mean hides the cases that failed; here is each one."
    return Section(title="Case by case", order=72, lede=lede, html=fill(PAGE, metrics=ordered, shown=shown, axes="; ".join(axes)))


def _row(view: RunView, scores: Sequence[CaseScore], axis: Axis, *, higher_is_better: bool) -> dict[str, Any] | None:
    known = [(s.value, s.case) for s in scores if s.value is not None]
    if not known:
        return None
    # the furthest from zero is the worst of a signed difference
    worst = min(known) if higher_is_better else max(known, key=lambda k: abs(k[0]))
    median = statistics.median(value for value, _ in known)
    name = scores[0].label
    dots = _dots([value for value, _ in known], median, axis, colour=view.colour(name))
    told = {"median": median, "worst": worst[0], "case": worst[1], "n": len(known), "undefined": len(scores) - len(known)}
    return {"name": name or "all", "dots": dots, **told}


def _box(values: Sequence[float], axis: Axis, colour: str) -> list[Markup]:
    """The middle half of the cases, and whiskers to the last ones within 1.5 times its width (Tukey); none for few cases."""
    if len(values) < LEAST_BOX:
        return []
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    reach = 1.5 * (third - first)
    near = [v for v in values if first - reach <= v <= third + reach]
    low, q1, q3, high = (100 * axis.share(v) for v in (min(near), first, third, max(near)))
    style = f"stroke:{colour}"
    whiskers = [
        tag("line", x1=f"{a:.2f}%", x2=f"{b:.2f}%", y1=12, y2=12, class_="upright", style=style) for a, b in ((low, q1), (q3, high))
    ]
    box = {"x": f"{q1:.2f}%", "width": f"{max(q3 - q1, 0.1):.2f}%", "y": 4, "height": 16, "rx": 1.5, "fill_opacity": 0.14}
    return [*whiskers, tag("rect", **box, stroke_width=1, style=f"{style};fill:{colour}")]


def _dots(values: Sequence[float], median: float, axis: Axis, *, colour: str) -> Markup:
    """A dot a value, in lanes so that they do not hide each other."""
    step = -(-len(values) // DOTS)
    parts = [tag("line", x1="0%", x2="100%", y1=12, y2=12, class_="rail"), *_box(values, axis, colour)]
    for place, value in enumerate(sorted(values)[::step]):
        lane = 12 + (place * 2 % 5 - 2) * 3.2
        parts.append(tag("circle", cx=f"{100 * axis.share(value):.2f}%", cy=lane, r=2.4, class_="point", style=f"fill:{colour}"))
    at = f"{100 * axis.share(median):.2f}%"
    parts.append(tag("line", x1=at, x2=at, y1=2, y2=22, class_="baseline"))
    return tag("svg", *parts, class_="strip", height=24, width="100%", aria_hidden="true")
