"""How tissue is stained, site by site: a part of the page of an audit and of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from sagittal.data.stains import NAMES
from sagittal.report.page import fill

TABLE = """
<h3 class="block-head">Stains{% if by %} by {{ by }}{% endif %}</h3>
<div class="scroll"><table>
<thead><tr><th>{{ by or "" }}</th><th class="num">cases</th>
{% for name in names %}<th class="num" colspan="2">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for site in sites %}
<tr><th scope="row" class="name">{{ site.site }}</th><td class="num">{{ site.n | count }}</td>
{% for stain in site.stains %}
<td><i style="display: inline-block; height: .8em; width: {{ stain.width }}em; background: {{ stain.colour }}"></i></td>
<td class="num">{{ stain.told }}</td>
{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
<p class="small">Mean colour of each stain, and how much of it there is where it is most (99th percentile of a case, mean and standard
deviation of the cases), by Macenko's method.</p>
"""

_WIDEST = 6.0


def stains(record: Mapping[str, Any]) -> Markup:
    """The block of an audit's record; empty where the pictures are no stained tissue."""
    tables = record.get("tables")
    told = tables.get("stains") if isinstance(tables, Mapping) else None
    if not isinstance(told, Mapping) or not told.get("sites"):
        return Markup("")
    largest = max(max(site["most"]) for site in told["sites"]) or 1.0
    sites = [{**site, "stains": [_stain(site, k, largest) for k in range(len(NAMES))]} for site in told["sites"]]
    return fill(TABLE, by=str(told.get("by", "")), names=NAMES, sites=sites)


def _stain(site: Mapping[str, Any], k: int, largest: float) -> dict[str, object]:
    most, deviation = float(site["most"][k]), float(site["deviation"][k])
    told = f"{most:.2f} ± {deviation:.2f}" if site["n"] > 1 else f"{most:.2f}"
    return {"colour": site["colours"][k], "width": round(_WIDEST * max(0.0, most) / largest, 2), "told": told}
