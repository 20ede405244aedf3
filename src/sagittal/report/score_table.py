"""The table of scores that several sections show: each as a dot on its interval, beside what takes no model."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from sagittal.core.score import Score
from sagittal.report import figures, words
from sagittal.report.page import fill
from sagittal.report.view import RunView

TABLE = """
<table class="scores">
<colgroup>{% for width in (20, 34, 20, 20, 6) %}<col style="width:{{ width }}%">{% endfor %}</colgroup>
<thead><tr><th>Score</th><th></th><th>Value, 95\u202f% interval</th><th>Without looking</th><th class="num">n</th></tr></thead>
<tbody>
{% for row in rows %}
<tr>
<th scope="row" class="name">{{ row.name }}
{%- if row.label %} <span class="interval">{{ row.label }}</span>{% endif %}
{% if row.hint %} <span class="hint">{{ row.hint }}</span>{% endif %}
</th>
<td class="plot">{{ strip(row.score, row.axis, baseline=row.baseline) }}</td>
<td>{{ parts.value(row.score) }}</td>
{% if row.rival %}
<td data-name="without looking">{{ row.baseline | number }} <span class="interval">{{ row.rival }}</span></td>
{% else %}
<td class="blank"><span class="none">\u2013</span></td>
{% endif %}
<td class="num" data-name="n">{{ row.score.n | count }}</td>
</tr>
{% endfor %}
</tbody></table>
"""


def score_table(view: RunView, scores: Iterable[Score], *, rivals: bool = True) -> Markup:
    """A row a score, in the order in which a reader wants them; nothing for no scores.

    Args:
        view: Whose baselines stand beside.
        scores: Any scores; a class is told behind the name.
        rivals: Whether the baselines are for these scores.
    """
    rows = [_row(view, s, rivals=rivals) for s in in_order(scores)]
    return fill(TABLE, rows=rows) if rows else Markup("")


def in_order(scores: Iterable[Score]) -> list[Score]:
    """Scores in the order of :data:`words.RANK`; those of one metric as they come."""
    return sorted(scores, key=lambda s: words.RANK.get(s.metric, len(words.RANK)))


def named(score: Score, axes: int | None) -> str:
    """The metric with its unit, if it has one.

    >>> named(Score(metric="mae", value=5.1, unit="years"), 0)
    'Mean absolute error, years'
    """
    unit = "" if score.unit in {"", "1"} else f", {score.unit}"
    return words.metric_name(score.metric, axes) + unit


def _row(view: RunView, score: Score, *, rivals: bool) -> dict[str, object]:
    base = view.best_baseline(score.metric, score.label) if rivals else None
    value = base[1].value if base else None
    axis = figures.score_axis([score], [value])
    hint = "best near 0" if score.metric in words.SIGNED else "" if score.higher_is_better else "lower is better"
    told = {"name": named(score, view.axes), "label": score.label, "hint": hint, "rival": base[0] if base else ""}
    return {**told, "score": score, "axis": axis, "baseline": value}
