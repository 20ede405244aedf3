"""Attention: does the network look at the border, which columns matter, and what its first layer sees."""

from __future__ import annotations

import statistics
from typing import Any

from sagittal.report import words
from sagittal.report.page import fill, picture
from sagittal.report.section import Section
from sagittal.report.view import RunView

MOST_COLUMNS = 15

PAGE = """
{% if note %}<p class="small">{{ note }}</p>{% endif %}
{% if border %}{{ parts.facts(border) }}
<p class="small">How much of what spoke for the answers lies in the outer tenth of the pictures{% if method %}, by {{ method }}{% endif %}.
More than the border's share of the area hints at marks, rulers or padding.</p>{% endif %}
{% if columns %}
<h3 class="block-head">Columns of the table</h3>
<table class="counts"><thead><tr><th>Column</th><th class="num">importance</th><th></th></tr></thead>
<tbody>
{% for row in columns %}
<tr><th scope="row" class="name">{{ row.name }}</th><td class="num">{{ row.value | number }}</td>
<td class="bar">{{ meter(row.share) }}</td></tr>
{% endfor %}
</tbody></table>
{% if rest > 0 %}<p class="small">and {{ rest | count('other column') }}</p>{% endif %}
{% endif %}
{% if shuffled %}
<h3 class="block-head">What shuffling a column costs</h3>
<table class="counts"><thead>
<tr><th>Column</th><th class="num">rise of the {{ measured }}</th><th class="num">95 % interval</th><th></th></tr>
</thead>
<tbody>
{% for row in shuffled %}
<tr><th scope="row" class="name">{{ row.name }}</th><td class="num">{{ row.value | number }}</td><td class="num">{{ row.interval }}</td>
<td class="bar">{{ meter(row.share) }}</td></tr>
{% endfor %}
</tbody></table>
<p class="small">Rows that were not trained on; the interval is over patients. Two columns that say the same stand in for each other.</p>
{% endif %}
{% for part in pictures %}
<h3 class="block-head">{{ part.title }}</h3><img class="wide" src="{{ part.src }}" alt="{{ part.title }}">
{% endfor %}
"""


def attention(view: RunView) -> Section | None:
    """Border attention, importance of table columns, first-layer kernels, feature maps and score images; None where none was kept."""
    border = view.explanation.get("border_attention")
    facts = _facts(border) if isinstance(border, dict) else []
    columns = _columns(view)
    names = ", ".join(str(name) for name in view.explanation.get("scores_of") or ())
    files = (
        ("First-layer kernels", "kernels"),
        ("Feature maps of the first stage, for one picture", "features"),
        (f"A part of a picture, and its scores: {names}", "scores"),
    )
    found = [(title, view.explained(view.explanation.get(key))) for title, key in files]
    pictures = [{"title": title, "src": picture(path)} for title, path in found if path is not None]
    shuffled, measured = _shuffled(view)
    if not facts and not columns and not pictures and not shuffled:
        return None
    html = fill(
        PAGE,
        border=facts,
        method=str(border.get("method") or "").replace("_", " ") if isinstance(border, dict) else "",
        note=str(view.explanation.get("note") or ""),
        columns=columns[:MOST_COLUMNS],
        rest=len(columns) - MOST_COLUMNS,
        pictures=pictures,
        shuffled=shuffled[:MOST_COLUMNS],
        measured=measured,
    )
    return Section(title="What the network looks at", order=120, html=html)


def _facts(border: dict[str, Any]) -> list[tuple[str, str]]:
    known = {"mean": "Attention at the border", "share": "Area of the border", "n": "Cases"}
    facts = []
    for key, name in known.items():
        value = border.get(key)
        if isinstance(value, int | float):
            facts.append((name, words.count(value) if key == "n" else words.percent(value)))
    return facts


def _columns(view: RunView) -> list[dict[str, Any]]:
    """The mean size of what each column of a table said, over the explained cases, largest first."""
    sums: dict[str, list[float]] = {}
    seen: set[str] = set()
    for item in view.explanation.get("items") or ():
        columns = item.get("columns")
        if isinstance(columns, dict) and item.get("case") not in seen:
            seen.add(item.get("case"))
            for name, value in columns.items():
                sums.setdefault(str(name), []).append(abs(float(value)))
    pairs = sorted(((name, statistics.fmean(values)) for name, values in sums.items()), key=lambda p: -p[1])
    most = max((value for _, value in pairs), default=0.0) or 1.0
    return [{"name": name, "value": value, "share": value / most} for name, value in pairs]


def _shuffled(view: RunView) -> tuple[list[dict[str, Any]], str]:
    """What shuffling each column of a table costs, the most first, and in which score."""
    importance = view.explanation.get("importance")
    if not isinstance(importance, dict):
        return [], ""
    rows = [c for c in importance.get("columns") or () if isinstance(c.get("fall"), int | float)]
    most = max((c["fall"] for c in rows), default=0.0)
    told = []
    for row in rows:
        known = isinstance(row.get("low"), int | float) and isinstance(row.get("high"), int | float)
        interval = f"{words.number(row['low'])} to {words.number(row['high'])}" if known else ""
        share = max(row["fall"], 0.0) / most if most > 0 else 0.0
        told.append({"name": str(row.get("column")), "value": row["fall"], "interval": interval, "share": share})
    return told, str(importance.get("score", "loss"))
