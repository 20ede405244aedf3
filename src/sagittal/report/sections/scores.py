"""Scores: every number with its interval and beside what it takes no model to reach; a class at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagittal.core.score import Score
from sagittal.report import figures, words
from sagittal.report.page import fill
from sagittal.report.score_table import in_order, named, score_table
from sagittal.report.section import Section
from sagittal.report.view import RunView, pick

PAGE = """
{{ overall }}
{% if patients %}
<h3 class="block-head">A patient at a time{% if rule %} ({{ rule }}){% endif %}</h3>
{{ patients }}
{% endif %}
{% if classes %}
<h3 class="block-head">A class at a time</h3>
<div class="scroll"><table class="classes">
<thead><tr><th>Class</th>{% for name in metrics %}<th>{{ name }}</th>{% endfor %}<th class="num">n</th></tr></thead>
<tbody>
{% for row in classes %}
<tr>
<th scope="row" class="name">{{ row.name }}{% if row.name == positive %}<span class="positive">positive</span>{% endif %}</th>
{{ parts.cells(row) }}
<td class="num">{% if row.n is not none %}{{ row.n | count }}{% else %}\u2013{% endif %}</td>
</tr>
{% endfor %}
</tbody></table></div>
{% endif %}
<p class="small">A dot is the value, the bar its 95\u202f% interval{% if ticks %}, the grey tick the best of the models that do not
look{% endif %}. Ratios are drawn from 0 to 1. {{ methods }}</p>
{% if rivals %}
<ul class="limits small">{% for name, what in rivals %}<li><b>{{ name }}</b>: {{ what }}</li>{% endfor %}</ul>
{% endif %}
{% if undefined %}
<h3 class="block-head">Without a value</h3>
<ul class="limits">
{% for s in undefined %}
<li>{{ s.metric | metric }}{% if s.label %} of {{ s.label }}{% endif %}: {{ s.undefined }} (n = {{ s.n | count }})</li>
{% endfor %}
</ul>
{% endif %}
<details><summary>What these scores mean</summary>
<ul class="limits">{% for name, meaning in glossary %}<li><b>{{ name }}</b>: {{ meaning }}.</li>{% endfor %}</ul></details>
"""

METHODS = {"wilson": "Wilson", "delong": "DeLong"}


def scores(view: RunView) -> Section | None:
    """All scores of the reported evaluation; None where there are none."""
    if not view.scores:
        return None
    labels = list(dict.fromkeys(s.label for s in view.scores if s.label))
    # one named class (two-class tasks) needs no table of its own
    alone = {*(labels if len(labels) == 1 else ()), ""}
    split = [s for s in in_order(view.scores) if s.label not in alone]
    metrics = list({s.metric: named(s) for s in split}.items())
    html = fill(
        PAGE,
        overall=score_table(view, [s for s in view.scores if s.label in alone]),
        patients=score_table(view, [s for s in view.patient_scores if s.label in alone], rivals=False),
        rule=str(view.result.get("patient_rule") or ""),
        metrics=[name for _, name in metrics],
        classes=[_class_row(view, name, [m for m, _ in metrics]) for name in _ordered(view, labels)] if metrics else [],
        positive=view.labels.positive,
        ticks=bool(view.baselines),
        methods=_methods(view.scores),
        rivals=[(str(b["name"]), str(b["sentence"])) for b in view.result.get("baselines") or () if b.get("sentence")],
        undefined=[s for s in [*view.scores, *view.patient_scores] if s.value is None],
        glossary=_glossary(view.scores),
    )
    return Section(title="Scores", order=60, lede=_lede(view), html=html)


def _lede(view: RunView) -> str:
    unit = str(view.result.get("unit") or "case")
    told = f"Each {unit} of “{view.evaluation}” counts once."
    names = words.listed([f"“{name}”" for name in view.baselines])
    return f"{told} Beside stands what models reach that do not look: {names}." if view.baselines else told


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


def _glossary(found: Sequence[Score]) -> list[tuple[str, str]]:
    metrics = dict.fromkeys(s.metric for s in in_order(found))
    return [(words.metric_name(m), words.metric_meaning(m)) for m in metrics if words.metric_meaning(m)]


def _methods(found: Sequence[Score]) -> str:
    """How the intervals were made, and which conventions are in use."""
    made: dict[str, list[str]] = {}
    for s in in_order(found):
        method = METHODS.get(s.method.split(",")[0], s.method.split(",")[0]) + s.method[len(s.method.split(",")[0]) :]
        if s.method and words.in_sentence(s.metric) not in made.setdefault(method, []):
            made[method].append(words.in_sentence(s.metric))
    told = "; ".join(f"{method} for {words.listed(names, most=8)}" for method, names in made.items())
    conventions = dict.fromkeys(f"{words.metric_name(s.metric)}: {s.convention}" for s in in_order(found) if s.convention)
    return " ".join(part for part in (f"Intervals: {told}." if told else "", ". ".join(conventions) + "." if conventions else "") if part)
