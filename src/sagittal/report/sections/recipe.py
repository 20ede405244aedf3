"""Recipe: what was asked, what the data decided, and why."""

from __future__ import annotations

import json

from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
{% if reasons %}
<div class="scroll"><table class="reasons">
<thead><tr><th>What</th><th>Chosen</th><th>Why</th></tr></thead>
<tbody>
{% for row in reasons %}
<tr><th scope="row">{{ row.what }}</th><td class="name"><b>{{ row.value }}</b></td><td>{{ row.why }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
{% if text %}
<details{% if not reasons %} open{% endif %}><summary>recipe.yaml, as it was written</summary><pre>{{ text }}</pre></details>
{% endif %}
"""


def recipe(view: RunView) -> Section | None:
    """The plan's reasons, then the recipe itself; None where neither is there."""
    reasons = [
        {"what": str(r.get("what", "")).replace("_", " "), "value": _plain(r.get("value")), "why": str(r.get("why", ""))}
        for r in view.plan.get("reasons") or ()
    ]
    if not reasons and not view.recipe_text:
        return None
    lede = "What the recipe left open was decided from the training cases alone." if reasons else ""
    return Section(title="Recipe", order=40, lede=lede, html=fill(PAGE, reasons=reasons, text=view.recipe_text))


def _plain(value: object) -> str:
    """A value as a person writes it: no brackets or quotes where none are needed."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "\u2013"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and all(isinstance(v, int | float | str) for v in value):
        return " \u00d7 ".join(map(str, value)) if all(isinstance(v, int) for v in value) else ", ".join(_plain(v) for v in value)
    if isinstance(value, dict) and all(isinstance(v, int | float | str) for v in value.values()):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
