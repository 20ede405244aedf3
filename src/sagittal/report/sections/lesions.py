"""Lesions: of the separate parts of the truth, which were found, against how large they are."""

from __future__ import annotations

import math
from typing import Any

from sagittal.metrics._intervals import wilson
from sagittal.report import figures, words
from sagittal.report._svg import Axis
from sagittal.report.figures import Series
from sagittal.report.page import fill
from sagittal.report.score_reading import number_in
from sagittal.report.section import Section
from sagittal.report.view import RunView

LEAST = 5
MOST_BINS = 6

PAGE = """
<div class="panels">
{% for chart in charts %}
{{ parts.chart(chart.svg, chart.name, chart.note) }}
{% endfor %}
</div>
<p class="small">Lesions in groups of equal number, from the smallest to the largest; a dot is the share of a group that was found, the
line through it its 95\u202f% interval (Wilson).</p>
"""


def lesions(view: RunView) -> Section | None:
    """The share of lesions found against their size; None where no metric counts lesions (``evaluate.metrics.lesion_f1``)."""
    names = list(dict.fromkeys(row.get("class", "") for row in view.pieces))
    charts = [chart for name in names if (chart := _chart(view, name))]
    if not charts:
        return None
    lede = "Small lesions are the ones that are missed; here is from which size on they are found."
    return Section(title="Lesions", order=76, lede=lede, html=fill(PAGE, charts=charts))


def _chart(view: RunView, name: str) -> dict[str, Any] | None:
    rows = [(number_in(r.get("volume")), r.get("found") == "yes") for r in view.pieces if r.get("class") == name]
    found = sorted((v, hit) for v, hit in rows if v is not None and v > 0)
    if len(found) < LEAST:
        return None
    bins = max(1, min(MOST_BINS, len(found) // LEAST))
    groups = [found[round(i * len(found) / bins) : round((i + 1) * len(found) / bins)] for i in range(bins)]
    x = [math.exp(sum(math.log(v) for v, _ in g) / len(g)) for g in groups]
    hits = [sum(hit for _, hit in g) for g in groups]
    ends = [wilson(h, len(g)) for h, g in zip(hits, groups, strict=True)]
    y = [h / len(g) for h, g in zip(hits, groups, strict=True)]
    line = Series(name=name, x=x, y=y, colour=view.colour(name), between=[(e[0], e[1]) for e in ends])
    unit = f", {view.volume_unit}" if view.volume_unit else ""
    across = Axis(low=found[0][0] / 1.1, high=found[-1][0] * 1.1, label=f"size{unit}", log=True)
    svg = figures.curves([line], across, Axis(low=0, high=1, label="share found"), dots=True)
    total = sum(hits)
    missed = max((v for v, hit in found if not hit), default=None)
    note = f"{words.count(total)} of {words.count(len(found), 'lesion')} found"
    note += f"; the largest that was missed has {words.with_unit(words.short(missed), view.volume_unit or '1')}." if missed else "."
    return {"name": name, "svg": svg, "note": note}
