"""Elsewhere: how the model does on other data, and in what they differ from those of training."""

from __future__ import annotations

from typing import Any

from sagittal.report import figures
from sagittal.report.flags import Flag, headlines, sentence, severity_of
from sagittal.report.page import fill
from sagittal.report.score_reading import pick, scores_of
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
<div class="scroll"><table class="classes">
<thead><tr><th>Evaluation</th>{% for m in metrics %}<th>{{ m | metric(axes) }}</th>{% endfor %}<th class="num">n</th></tr></thead>
<tbody>{% for row in rows %}
<tr><th scope="row" class="name">{{ row.name }}</th>{{ parts.cells(row) }}<td class="num">{{ row.n | count }}</td></tr>
{% endfor %}</tbody></table></div>
{% for row in rows %}{% for flag in row.flags %}{{ parts.flag(flag) }}{% endfor %}{% endfor %}
"""


def elsewhere(view: RunView) -> Section | None:
    """The headline scores of every other evaluation of the run; None where there is no other."""
    others = [name for name in view.evaluations if name != view.evaluation]
    if not others:
        return None
    metrics = [s.metric for s in headlines(view)]
    rows = [_row(view, name, metrics) for name in [view.evaluation, *others]]
    lede = "A model is as good as it is on data from somewhere else."
    return Section(title="Other evaluations", order=140, lede=lede, html=fill(PAGE, rows=rows, metrics=metrics, axes=view.axes))


def _row(view: RunView, name: str, metrics: list[str]) -> dict[str, Any]:
    record = view.result_of(name)
    found = scores_of(record)
    scores = [pick(found, m, "", record.get("positive")) for m in metrics]
    cells = [{"score": s, "baseline": None, "axis": figures.score_axis([s, view.find(m)])} for s, m in zip(scores, metrics, strict=True)]
    told = [] if name == view.evaluation else record.get("shift") or ()
    flags = [
        Flag(
            severity=severity_of(f),
            title=f"{name} differs from the training data",
            text=sentence(str(f.get("what", ""))),
            remedy=sentence(str(f.get("remedy") or "")),
        )
        for f in told
    ]
    return {"name": name, "cells": cells, "n": int(record.get("n") or 0), "flags": flags, "colour": "var(--accent)"}
