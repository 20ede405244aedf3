"""What outlines are called and coloured, and the map of classes that follows: a part of the page of an audit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from sagittal.data.signs import area_of
from sagittal.report.page import fill

MOST_ROWS = 40

TABLE = """
{% if rows or bare %}
<h3 class="block-head">Outlines</h3>
{% if bare %}<p>{{ bare | count("picture") }} {{ "has" if bare == 1 else "have" }} no drawing: {{ meant }}.</p>{% endif %}
{% if rows %}
<p>{{ shapes | count("outline") }} on {{ cases | count("case") }}, by what they may be told apart:</p>
<div class="scroll"><table>
<thead><tr><th>By</th><th>Value</th><th class="num">outlines</th><th class="num">cases</th><th class="num">area</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><td>{{ row.kind }}</td>
<th scope="row" class="name">
{% if row.swatch %}<i class="swatch" style="display: inline-block; background: {{ row.swatch }}"></i> {% endif %}
{{ row.value }}</th>
<td class="num">{{ row.shapes | count }}</td><td class="num">{{ row.cases | count }}</td><td class="num">{{ row.area }}</td></tr>
{% endfor %}
</tbody></table></div>
{% if rest %}<p class="small">and {{ rest }} more in audit.json</p>{% endif %}
<p>{{ said }}</p>
{% for choice in choices %}
<h4>By {{ choice.kind }}</h4>
<ul class="legend">{% for word in choice.words %}<li>
{% if word.swatch %}<i class="swatch" style="background: {{ word.swatch }}"></i>{% endif %}
<span>{{ word.value }} → {{ word.name }}</span></li>{% endfor %}</ul>
<pre>{{ choice.setting }}</pre>
{% endfor %}
{% endif %}
{% endif %}
"""

_HEX = re.compile(r"#[0-9a-f]{6}")


def outlines(record: Mapping[str, Any]) -> Markup:
    """The block of an audit's record; empty where no outlines were drawn."""
    tables = record.get("tables")
    told = tables.get("outlines") if isinstance(tables, Mapping) else None
    if not isinstance(told, Mapping):
        return Markup("")
    unit = str(told.get("unit", ""))
    signs = list(told.get("signs") or ())
    rows = [{**row, "area": area_of(float(row["area"]), unit), "swatch": _swatch(row["value"])} for row in signs[:MOST_ROWS]]
    words, choices = dict(told.get("words") or {}), list(told.get("choices") or ())
    shown = (
        [] if words else [{**c, "words": [{"value": w, "name": n, "swatch": _swatch(w)} for w, n in c["words"].items()]} for c in choices]
    )
    meant = (
        "all of it is background, as told"
        if told.get("unmarked") == "background"
        else "left out (data.unmarked: background if it means no finding)"
    )
    numbers = {key: int(told.get(key) or 0) for key in ("shapes", "cases", "bare")}
    return fill(
        TABLE, rows=rows, rest=max(0, len(signs) - MOST_ROWS), meant=meant, choices=shown, said=_said(told, words, choices), **numbers
    )


def _said(told: Mapping[str, Any], words: Mapping[str, str], choices: list[Any]) -> str:
    """What is to be done about the map."""
    if words:
        mapped = ", ".join(f"{word} → {name or 'left out'}" for word, name in words.items())
        return f"The map is given: {mapped}. It says nothing of {int(told.get('unmapped') or 0):,} outlines."
    if len(choices) > 1:
        return "They can be told apart in ways that do not agree. Choose one map, and name the classes as you like:"
    if choices and choices[0]["as_is"]:
        return "Classes are called what the drawings call them. To name them otherwise:"
    return "A map that fits; name the classes as you like:" if choices else "Nothing tells classes apart: all are one class."


def _swatch(value: object) -> str:
    """The colour, where a value is one."""
    return str(value) if _HEX.fullmatch(str(value)) else ""
