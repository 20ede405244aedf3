"""Subgroups: the same scores for each site, scanner, age or sex, where the manifest knows them."""

from __future__ import annotations

from typing import Any

from sagittal.report import figures
from sagittal.report.flags import FEW_CASES, headlines
from sagittal.report.page import fill
from sagittal.report.score_reading import pick, scores_of
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
{% for table in tables %}
<h3 class="block-head">{{ table.name }}</h3>
<div class="scroll"><table class="classes">
<thead><tr><th></th>{% for m in metrics %}<th>{{ m | metric(axes) }}</th>{% endfor %}<th class="num">n</th></tr></thead>
<tbody>{% for row in table.rows %}
<tr><th scope="row" class="name">{{ row.name }}</th>{{ parts.cells(row) }}<td class="num">{{ row.n | count }}</td></tr>
{% endfor %}</tbody></table></div>
{% endfor %}
<p class="small">The grey tick is the score of all cases. {{ few }}</p>
"""


def subgroups(view: RunView) -> Section | None:
    """A table for each metadata column; None where there are no such columns."""
    groups = [g for g in view.result.get("subgroups") or () if g.get("scores")]
    if not groups:
        return None
    present = {s.metric for g in groups for s in scores_of(g)}
    metrics = [s.metric for s in headlines(view) if s.metric in present]
    metrics += [m for m in dict.fromkeys(s.metric for g in groups for s in scores_of(g)) if m not in metrics][: 4 - len(metrics)]
    columns = dict.fromkeys(str(g.get("column", "")) for g in groups)
    tables = [{"name": c, "rows": [_row(view, g, metrics) for g in groups if str(g.get("column", "")) == c]} for c in columns]
    small = any(int(g.get("n") or 0) < FEW_CASES for g in groups)
    few = f"Groups below {FEW_CASES} cases can differ this much by chance alone." if small else ""
    lede = "Differences here were not tested: where intervals overlap, they may be chance; where they do not, ask why."
    return Section(title="Subgroups", order=130, lede=lede, html=fill(PAGE, tables=tables, metrics=metrics, few=few, axes=view.axes))


def _row(view: RunView, group: Any, metrics: list[str]) -> dict[str, Any]:
    found = scores_of(group)
    cells = []
    for metric in metrics:
        score = pick(found, metric, "", view.result.get("positive"))
        whole = view.find(metric)
        overall = whole.value if whole is not None else None
        cells.append({"score": score, "baseline": overall, "axis": figures.score_axis([score, whole])})
    return {"name": str(group.get("value", "")) or "not known", "cells": cells, "n": int(group.get("n") or 0), "colour": "var(--accent)"}
