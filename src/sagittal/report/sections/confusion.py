"""Confusion: which class is taken for which."""

from __future__ import annotations

from typing import Any

from sagittal.report import words
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

MANY = 8

PAGE = """
<div class="scroll"><table class="confusion{% if many %} many{% endif %}">
<thead><tr><th class="corner">truth ↓ &nbsp; answer →</th>
{% for name in classes %}
<th scope="col"{% if many %} title="{{ name }}"{% endif %}>{{ loop.index if many else name }}</th>
{% endfor %}
<th scope="col" class="corner">n</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.name }}{% if many %} <b>{{ loop.index }}</b>{% endif %}</th>
{% for cell in row.cells %}
<td class="{{ cell.kind }}" style="--v:{{ cell.share }}" title="{{ row.name }} → {{ classes[loop.index0] }}: {{ cell.n }} of {{ row.n }}">
{{- cell.n | count if cell.n or not many else '·' }}{% if not many and row.n %}<small>{{ cell.percent }}</small>{% endif %}</td>
{% endfor %}
<th class="num">{{ row.n | count }}</th></tr>
{% endfor %}
</tbody></table></div>
{% if mixes %}<p>Most often mixed up: {{ mixes }}.</p>{% endif %}
<p class="small">A row is a true class; shades are shares of the row.{% if threshold %} The answer here is the most probable class,
without the threshold.{% endif %}</p>
"""


def confusion(view: RunView) -> Section | None:
    """Counts with the labels where they belong: rows truth, columns answer; None where there are none."""
    classes = [str(c) for c in view.confusion.get("classes") or ()]
    counts = view.confusion.get("counts") or []
    if not classes or not counts:
        return None
    rows = []
    for i, (name, row) in enumerate(zip(classes, counts, strict=True)):
        total = sum(row)
        rows.append({"name": name, "n": total, "cells": [_cell(n, total, right=i == j) for j, n in enumerate(row)]})
    html = fill(PAGE, classes=classes, rows=rows, many=len(classes) > MANY, mixes=_mixes(classes, counts), threshold=_has_threshold(view))
    return Section(title="Confusion", order=90, html=html)


def _has_threshold(view: RunView) -> bool:
    point = view.result.get("operating_point")
    return isinstance(point, dict) and bool(point.get("thresholds"))


def _cell(n: int, total: int, *, right: bool) -> dict[str, Any]:
    share = n / total if total else 0.0
    kind = " ".join(k for k, on in (("right", right), ("zero", n == 0), ("deep", share > 0.55)) if on)
    return {"n": n, "share": f"{share:.3f}", "percent": words.percent(share), "kind": kind}


def _mixes(classes: list[str], counts: list[list[int]]) -> str:
    """The three most frequent mistakes in words."""
    wrong = [(n, classes[i], classes[j]) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    worst = sorted(wrong, key=lambda w: -w[0])[:3]
    return words.listed([f"{truth} taken for {answer} ({words.count(n, 'case')})" for n, truth, answer in worst]) if worst else ""
