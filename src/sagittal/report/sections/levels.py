"""Levels: the same scores of a case, of a patient and of all samples, beside answers that draw nothing or everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagittal.core.score import Score
from sagittal.report import words
from sagittal.report.page import fill
from sagittal.report.score_reading import pick, scores_of
from sagittal.report.score_table import in_order
from sagittal.report.section import Section
from sagittal.report.view import RunView

NAMES = {"window": "A window at a time", "case": "A case at a time", "patient": "A patient at a time", "pixel": "All {sample}s together"}

PAGE = """
{% for table in tables %}
{% if tables | length > 1 %}<h3 class="block-head">{{ table.name }}</h3>{% endif %}
<div class="scroll"><table class="classes">
<thead><tr><th></th>
{% for level in levels %}<th>{{ level.name }} <span class="interval">n\u00a0=\u00a0{{ level.n | count }}</span></th>{% endfor %}
{% for name in trivial %}<th>{{ name | capitalize }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr><th scope="row" class="name">{{ row.name }}</th>
{% for score in row.scores %}<td>{{ parts.value(score) }}</td>{% endfor %}
{% for value in row.trivial %}<td>{{ value | number }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endfor %}
<ul class="limits small">{% for rule in rules %}<li>{{ rule }}</li>{% endfor %}</ul>
"""


def levels(view: RunView) -> Section | None:
    """A table a class: a row a score, a column a level; None where the answers are not drawn."""
    found = [each for each in view.result.get("levels") or () if each.get("scores")]
    if not found:
        return None
    own = {"level": str(view.result.get("unit") or "case"), "n": view.result.get("n"), "scores": view.result.get("scores") or ()}
    columns = [own, *found]
    beside = {str(b.get("name")): scores_of(b) for b in found[-1].get("baselines") or ()}
    metrics = list(dict.fromkeys(s.metric for s in in_order(scores_of(found[-1]))))
    classes = list(dict.fromkeys(s.label for s in scores_of(found[-1])))
    tables = [{"name": c or "all", "rows": [_row(m, c, columns, beside, axes=view.axes) for m in metrics]} for c in classes]
    said = words.grid(view.axes).said
    rules = [f"{said(NAMES.get(str(each.get('level')), ''))}: {each.get('rule')}." for each in found]
    rules.append(said("What draws nothing or everything is told of all {sample}s together."))
    heads = [{"name": said(NAMES.get(str(c.get("level")), str(c.get("level")))), "n": int(c.get("n") or 0)} for c in columns]
    lede = said("A mean over cases leaves out those without the structure; all {sample}s together count them, and what was drawn in them.")
    return Section(title="Levels", order=65, lede=lede, html=fill(PAGE, tables=tables, levels=heads, trivial=list(beside), rules=rules))


def _row(
    metric: str, label: str, columns: Sequence[Mapping[str, Any]], beside: Mapping[str, Sequence[Score]], *, axes: int | None
) -> dict[str, Any]:
    scores = [pick(scores_of(column), metric, label) for column in columns]
    trivial = [score.value if (score := pick(found, metric, label)) is not None else None for found in beside.values()]
    name = words.metric_name(metric, axes) + (f", the F1 of {words.grid(axes).sample}s" if metric == "dice" else "")
    return {"name": name, "scores": scores, "trivial": trivial}
