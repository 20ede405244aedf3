"""Scores: every number with its interval and beside what it takes no model to reach; a class at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sagittal.core.score import Score
from sagittal.report import figures, words
from sagittal.report.page import fill
from sagittal.report.score_reading import pick
from sagittal.report.score_table import in_order, named, score_table
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
{{ overall }}
{% if patients %}
<h3 class="block-head">A patient at a time{% if rule %} ({{ rule }}){% endif %}</h3>
{{ patients }}
{% endif %}
{% for table in classes %}
{% if loop.first %}
<h3 class="block-head">A class at a time</h3>
{% elif loop.index == 2 %}
<details><summary>Further scores of the classes</summary>
{% endif %}
<div class="scroll"><table class="classes">
<thead><tr><th>Class</th>{% for name in table.metrics %}<th>{{ name }}</th>{% endfor %}<th class="num">n</th></tr></thead>
<tbody>
{% for row in table.rows %}
<tr>
<th scope="row" class="name">{{ row.name }}{% if row.name == positive %}<span class="positive">positive</span>{% endif %}</th>
{{ parts.cells(row) }}
<td class="num">{% if row.n is not none %}{{ row.n | count }}{% else %}\u2013{% endif %}</td>
</tr>
{% endfor %}
</tbody></table></div>
{% if loop.last and not loop.first %}</details>{% endif %}
{% endfor %}
<p class="small">A dot is the value, the bar its 95\u202f% interval{% if ticks %}, the grey tick the best of the models that do not
look{% endif %}. Ratios are drawn from 0 to 1.</p>
{% if rivals %}
<ul class="limits small">{% for name, what in rivals %}<li><b>{{ name }}</b>: {{ what }}</li>{% endfor %}</ul>
{% endif %}
{% if undefined %}
<h3 class="block-head">Without a value</h3>
<ul class="limits">
{% for s, n in undefined %}
<li>{{ s.metric | metric(axes) }}{% if s.label %} of {{ s.label }}{% endif %}: {{ s.undefined }} (n\u00a0=\u00a0{{ n }})</li>
{% endfor %}
</ul>
{% endif %}
<details><summary>What these scores mean, and how the intervals were made</summary>
<ul class="limits">
{% for row in glossary %}<li><b>{{ row.name }}</b>{% if row.text %}: {{ row.text }}{% endif %}</li>{% endfor %}
</ul></details>
"""

WIDEST = 6
FIRST = ("auc", "average_precision", "sensitivity", "specificity", "ppv", "f1", "dice", "nsd", "hd95", "assd", "iou")


def scores(view: RunView) -> Section | None:
    """All scores of the reported evaluation; None where there are none."""
    if not view.scores:
        return None
    labels = list(dict.fromkeys(s.label for s in view.scores if s.label))
    # one named class (two-class tasks) needs no table of its own
    alone = {*(labels if len(labels) == 1 else ()), ""}
    split = [s for s in in_order(view.scores) if s.label not in alone]
    metrics = {s.metric: named(s, view.axes) for s in split}
    html = fill(
        PAGE,
        overall=score_table(view, [s for s in view.scores if s.label in alone]),
        patients=score_table(view, [s for s in view.patient_scores if s.label in alone], rivals=False),
        rule=str(view.result.get("patient_rule") or ""),
        classes=_class_tables(view, _ordered(view, labels), metrics),
        positive=view.labels.positive,
        ticks=bool(view.baselines),
        rivals=[(str(b["name"]), str(b["sentence"])) for b in view.result.get("baselines") or () if b.get("sentence")],
        undefined=_without_value(view),
        glossary=_glossary(view.scores, view.axes),
        axes=view.axes,
    )
    return Section(title="Scores", order=60, lede=_lede(view), html=html)


def _lede(view: RunView) -> str:
    unit = str(view.result.get("unit") or "case")
    told = f"Each {unit} of “{view.evaluation}” counts once."
    names = words.listed([f"“{name}”" for name in view.baselines])
    return f"{told} Beside stands what models reach that do not look: {names}." if view.baselines else told


def _without_value(view: RunView) -> list[tuple[Score, str]]:
    """Each score without a value, with its n; that of patients stands beside where it lacks one for the same reason."""
    found: dict[tuple[str, str, str | None], tuple[Score, list[str]]] = {}
    for score, unit in (*((s, "") for s in view.scores), *((s, "patient") for s in view.patient_scores)):
        if score.value is None:
            _, counts = found.setdefault((score.metric, score.label, score.undefined), (score, []))
            counts.append(words.count(score.n, unit))
    return [(score, ", ".join(counts)) for score, counts in found.values()]


def _class_tables(view: RunView, classes: Sequence[str], metrics: Mapping[str, str]) -> list[dict[str, Any]]:
    """The scores that a reader wants first, and those that would make the table too wide for a page."""
    first = [m for m in metrics if m in FIRST][:WIDEST]
    rest = [m for m in metrics if m not in first]
    if len(metrics) <= WIDEST:
        first, rest = list(metrics), []
    parts = [part for part in (first, *(rest[i : i + WIDEST] for i in range(0, len(rest), WIDEST))) if part]
    return [{"metrics": [metrics[m] for m in part], "rows": _class_rows(view, classes, part)} for part in parts]


def _class_rows(view: RunView, classes: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row a class; of two classes the one that is not positive has few scores of its own, and no row where it has none."""
    asked = {s.label for s in view.scores if s.metric in metrics}
    return [_class_row(view, name, metrics) for name in classes if name in asked]


def _class_row(view: RunView, name: str, metrics: Sequence[str]) -> dict[str, Any]:
    cells = []
    for metric in metrics:
        base = view.best_baseline(metric, name)
        value = base[1].value if base else None
        all_of = [s for s in view.scores if s.metric == metric and s.label]
        cells.append({"score": pick(view.scores, metric, name), "baseline": value, "axis": figures.score_axis(all_of, [value])})
    first = next((s for s in view.scores if s.label == name), None)
    n = view.truths.get(name, first.n if first is not None else None)
    return {"name": name, "cells": cells, "n": n, "colour": view.colour(name)}


def _ordered(view: RunView, labels: Sequence[str]) -> list[str]:
    """Classes in the order of the data set; names that it does not know come last."""
    known = [c for c in view.labels.classes if c in labels]
    return known + [name for name in labels if name not in known]


def _glossary(found: Sequence[Score], axes: int | None) -> list[dict[str, str]]:
    """For each score what it is, which of several definitions, and how its intervals were made."""
    rows = []
    for metric in dict.fromkeys(s.metric for s in in_order(found)):
        own = [s for s in found if s.metric == metric]
        conventions = list(dict.fromkeys(s.convention for s in own if s.convention))
        methods = list(dict.fromkeys(_method(s.method) for s in own if s.method))
        parts = [words.metric_meaning(metric, axes), "; ".join(conventions), f"intervals by {words.listed(methods)}" if methods else ""]
        rows.append({"name": words.metric_name(metric, axes), "text": ". ".join(p[:1].upper() + p[1:] for p in parts if p) + "."})
    return rows


def _method(name: str) -> str:
    """A method with its author's capital, and without the number of groups, which differs from class to class.

    >>> _method("wilson"), _method("bootstrap over 22 groups")
    ('Wilson', 'bootstrap over groups')
    """
    named = name.replace("wilson", "Wilson").replace("delong", "DeLong").replace("newcombe", "Newcombe")
    return re.sub(r"over \d+ groups", "over groups", named)
