"""Tables of how volumes lie and what they hold, as the audit measured them; each may be absent.

The audit's record says it under ``tables``:

- ``spacings``: ``[{"spacing": [1.0, 1.0, 1.2], "unit": "mm", "n": 12}, ...]``
- ``orientations``: ``{"RAS": 12}``
- ``intensities``: ``[{"channel": "T1", "n": 12, "levels": {"p0": ..., "p0.5": ..., "p50": ...}, "least": ..., "most": ...}]``
- ``drawn``: ``[{"class": "GM", "numbers": [150], "n": 12, "of": 12, "unit": "ml", "median": ..., "least": ..., "most": ...}]``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from sagittal.report import words
from sagittal.report.page import fill

Record = Mapping[str, Any]

MOST_ROWS = 8
UNITS = {"ml": "ml", "share": "% of the image"}

LIE = """
{% if spacings or orientations %}
<h3 class="block-head">How they lie</h3>
<div class="panels small-ones at-top">
{% if spacings %}
<table class="counts"><thead><tr><th>voxel{% if unit %}, {{ unit }}{% endif %}</th><th class="num">cases</th><th></th></tr></thead><tbody>
{% for row in spacings %}
<tr><th scope="row" style="white-space: nowrap">{{ row.name }}</th>
<td class="num">{{ row.n | count }}</td><td class="bar">{{ meter(row.share) }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if orientations %}
<table class="counts"><thead><tr><th>axes run to</th><th class="num">cases</th><th></th></tr></thead><tbody>
{% for row in orientations %}
<tr><th scope="row">{{ row.name }}</th><td class="num">{{ row.n | count }}</td><td class="bar">{{ meter(row.share) }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
</div>
{% if rest %}<p class="small">and {{ rest | count('other voxel size') }}</p>{% endif %}
{% endif %}
"""

HOLD = """
{% if rows %}
<h3 class="block-head">What they hold</h3>
<div class="scroll"><table class="counts"><thead><tr><th>Channel</th><th class="num">cases</th><th class="num">least</th>
<th class="num">0.5 %</th><th class="num">median</th><th class="num">99.5 %</th><th class="num">most</th></tr></thead><tbody>
{% for row in rows %}
<tr><th scope="row" class="name">{{ row.channel }}</th><td class="num">{{ row.n | count }}</td>
{% for value in row.told %}<td class="num">{{ value }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
<p class="small">Values as stored{% if hu %}, in Hounsfield units{% endif %}:
the least and the most of all cases, between them the median case.</p>
{% endif %}
"""

DRAWN = """
{% if rows %}
<h3 class="block-head">What was drawn</h3>
<div class="scroll"><table class="counts"><thead><tr><th>Class</th><th class="num">number</th><th class="num">in cases</th><th></th>
<th class="num">median, {{ unit }}</th><th class="num">least</th><th class="num">most</th></tr></thead><tbody>
{% for row in rows %}
<tr><th scope="row" class="name">
<span class="swatch" style="display: inline-block; background: {{ row.colour }}"></span> {{ row.name }}</th>
<td class="num">{{ row.numbers }}</td><td class="num">{% if row.n %}{{ row.n | count }}{% else %}<b>0</b>{% endif %}</td>
<td class="bar">{{ meter(row.share) }}</td>
{% for value in row.told %}<td class="num">{{ value }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endif %}
"""


def lie(record: Record) -> Markup:
    """Voxel sizes and orientations, the commonest first."""
    tables = _tables(record)
    spacings = [s for s in tables.get("spacings") or () if isinstance(s, Mapping) and s.get("spacing")]
    shown = [{"name": " \u00d7 ".join(f"{float(v):g}" for v in s["spacing"]), "n": int(s.get("n") or 0)} for s in spacings[:MOST_ROWS]]
    unit = str(spacings[0].get("unit") or "") if spacings else ""
    codes = tables.get("orientations")
    turned = [{"name": _direction(str(k)), "n": int(n)} for k, n in codes.items()] if isinstance(codes, Mapping) else []
    for rows in (shown, turned):
        most = max((int(str(r["n"])) for r in rows), default=1) or 1
        for row in rows:
            row["share"] = int(str(row["n"])) / most
    return fill(LIE, spacings=shown, orientations=turned, unit="" if unit == "none" else unit, rest=max(0, len(spacings) - MOST_ROWS))


def hold(record: Record) -> Markup:
    """How the values of each channel are spread."""
    rows = []
    for row in _tables(record).get("intensities") or ():
        levels = row.get("levels") if isinstance(row, Mapping) else None
        if isinstance(levels, Mapping):
            told = [row.get("least"), levels.get("p0.5"), levels.get("p50"), levels.get("p99.5"), row.get("most")]
            rows.append({"channel": str(row.get("channel")), "n": int(row.get("n") or 0), "told": [_short(v) for v in told]})
    return fill(HOLD, rows=rows, hu=any(str(r["channel"]).casefold() == "ct" for r in rows))


def drawn(record: Record, *, colour: Callable[[str], str]) -> Markup:
    """How often each class was drawn and how much of it there is."""
    rows, unit = [], ""
    for row in _tables(record).get("drawn") or ():
        if not isinstance(row, Mapping):
            continue
        unit = str(row.get("unit") or "")
        scale = 100.0 if unit == "share" else 1.0
        told = [_short(scale * float(row[k])) if isinstance(row.get(k), int | float) else "" for k in ("median", "least", "most")]
        name, n = str(row.get("class")), int(row.get("n") or 0)
        numbers = " + ".join(str(v) for v in row.get("numbers") or ())
        share = n / max(1, int(row.get("of") or 1))
        rows.append({"name": name, "colour": colour(name), "numbers": numbers, "n": n, "share": share, "told": told})
    return fill(DRAWN, rows=rows, unit=UNITS.get(unit, unit))


def _tables(record: Record) -> Mapping[str, Any]:
    found = record.get("tables")
    return found if isinstance(found, Mapping) else {}


def _direction(code: str) -> str:
    """A code of an orientation in words.

    >>> _direction("LPS")
    'left, back, head (LPS)'
    """
    told = {"R": "right", "L": "left", "A": "front", "P": "back", "S": "head", "I": "feet"}
    return f"{', '.join(told[c] for c in code)} ({code})" if code and all(c in told for c in code) else code


def _short(value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else words.short(value)
