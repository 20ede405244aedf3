"""What the files of a data set are like: sizes, intensities, metadata, as the audit measured them.

The audit's record says it in these keys, each of which may be absent:

- ``sizes``: ``[{"shape": [496, 512], "n": 83, "class": "CNV"}, ...]``, the class where one is known
- ``histograms``: ``{class: {"edges": [...], "counts": [...]}}``, one more edge than counts; the class may be empty
- ``metadata``: ``{column: {value: n}}``
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from sagittal.report import figures, words
from sagittal.report._svg import Axis, reach
from sagittal.report.figures import DASHES, Series
from sagittal.report.page import fill

Record = Mapping[str, Any]

MOST_SIZES = 8
MOST_VALUES = 12
BINS = 24
PEAK = 6.0
"""How many times as common as any other a value is that is not drawn to its full height."""
AXES = {1: ("columns",), 2: ("height", "width"), 3: ("first axis", "second axis", "third axis")}

SIZES = """
{% if rows %}
<h3 class="block-head">Sizes</h3>
<div class="panels small-ones at-top">
<table class="counts"><thead><tr><th>{{ axes | join(' \u00d7 ') }}</th><th class="num">cases</th><th></th></tr></thead><tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.name }}</th><td class="num">{{ row.n | count }}</td><td class="bar">{{ meter(row.share) }}</td></tr>
{% endfor %}
</tbody></table>
{% for chart in charts %}{{ parts.chart(chart.svg, chart.title, "", keys) }}{% endfor %}
</div>
{% if rest %}<p class="small">and {{ rest | count('other size') }}</p>{% endif %}
{% endif %}
"""

VALUES = """
{% if svg %}
<h3 class="block-head">Intensities</h3>
<div class="panels">{{ parts.chart(svg, "Share of the " ~ sample ~ "s", "", parts.legend(legend) if legend | length > 1 else "") }}</div>
{% if peak %}
<p class="small">Values from {{ peak.low }} to {{ peak.high }} go beyond the chart: {{ peak.share | percent }} of the {{ sample }}s.</p>
{% endif %}
{% endif %}
"""

METADATA = """
{% if tables %}
<h3 class="block-head">Metadata</h3>
<div class="panels small-ones at-top">
{% for table in tables %}
<table class="counts"><thead><tr><th>{{ table.name }}</th><th class="num">cases</th><th></th></tr></thead><tbody>
{% for row in table.rows %}
<tr><th scope="row" class="name">{{ row.name }}</th><td class="num">{{ row.n | count }}</td><td class="bar">{{ meter(row.share) }}</td></tr>
{% endfor %}
</tbody></table>
{% endfor %}
</div>
{% endif %}
"""


def sizes(record: Record, *, colour: Callable[[str], str]) -> Markup:
    """A table of the commonest sizes and, where they differ, how each side is spread, by class."""
    found = [s for s in record.get("sizes") or () if isinstance(s, Mapping) and s.get("shape")]
    if not found:
        return Markup("")
    totals = Counter[tuple[int, ...]]()
    for size in found:
        totals[tuple(int(v) for v in size["shape"])] += int(size.get("n") or 1)
    shown = totals.most_common(MOST_SIZES)
    rows = [{"name": " \u00d7 ".join(map(str, shape)), "n": n, "share": n / shown[0][1]} for shape, n in shown]
    axes = AXES.get(len(shown[0][0]), ("size",))
    present = {str(s.get("class") or "") for s in found}
    known = dict.fromkeys(name for row in (record.get("counts") or {}).values() for name in row)
    classes = [c for c in known if c in present] + sorted(present - set(known))
    sample = words.grid(words.axes_of(record)).sample
    uneven = [axis for axis in range(len(axes)) if len({int(s["shape"][axis]) for s in found}) > 1] if axes != ("size",) else []
    charts = [_spread(found, axis, axes[axis], classes, sample=sample, colour=colour) for axis in uneven]
    keys = fill("{{ parts.keys(items) }}", items=[{"name": c, "colour": colour(c)} for c in classes]) if 1 < len(classes) <= 8 else ""
    return fill(SIZES, rows=rows, axes=axes, charts=charts, keys=keys, rest=len(totals) - len(shown))


def histograms(record: Record, *, colour: Callable[[str], str]) -> Markup:
    """How the values of the samples are spread, a line a class."""
    found = record.get("histograms")
    told = {str(k): v for k, v in found.items() if isinstance(v, Mapping) and v.get("counts")} if isinstance(found, Mapping) else {}
    series = []
    for place, (name, one) in enumerate(told.items()):
        edges, counts = one["edges"], one["counts"]
        total = sum(counts) or 1
        middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
        dash = DASHES[place % len(DASHES)] if len(told) > 1 else ""
        series.append(Series(name=name or "all", x=middles, y=[c / total for c in counts], colour=colour(name), dash=dash))
    if not series:
        return Markup("")
    across = reach([v for s in series for v in s.x], label="value")
    peak, series = _without_peak(series, next(iter(told.values()))["edges"])
    up = reach([v for s in series for v in s.y], zero=True)
    legend = [{"name": s.name, "colour": s.colour, "dash": s.dash, "value": ""} for s in series]
    return fill(VALUES, svg=figures.curves(series, across, up), legend=legend, peak=peak, sample=words.grid(words.axes_of(record)).sample)


def _without_peak(series: Sequence[Series], edges: Sequence[float]) -> tuple[dict[str, object] | None, list[Series]]:
    """The curves cut where one bin, air round a body, is so full that nothing else could be seen; and that bin."""
    heights = [max(column) for column in zip(*(s.y for s in series), strict=True)]
    second = max([*sorted(heights)[:-2], 0.0])
    top = max(range(len(heights)), key=lambda i: heights[i])
    if second <= 0 or heights[top] < PEAK * second:
        return None, list(series)
    cut = [replace(s, y=[min(v, 1.5 * second) for v in s.y]) for s in series]
    return {"low": words.short(edges[top]), "high": words.short(edges[top + 1]), "share": heights[top]}, cut


def metadata(record: Record) -> Markup:
    """A small table for each metadata column; long ones are cut."""
    tables = []
    found = record.get("metadata")
    for name, counts in found.items() if isinstance(found, Mapping) else ():
        ordered = sorted(((str(k), int(n)) for k, n in counts.items()), key=lambda p: -p[1]) if isinstance(counts, Mapping) else []
        if not ordered:
            continue
        rows = [{"name": k or "not known", "n": n, "share": n / ordered[0][1]} for k, n in ordered[:MOST_VALUES]]
        rest = sum(n for _, n in ordered[MOST_VALUES:])
        more = [{"name": words.count(len(ordered) - MOST_VALUES, "other value"), "n": rest, "share": min(rest / ordered[0][1], 1.0)}]
        tables.append({"name": str(name), "rows": rows + (more if rest else [])})
    return fill(METADATA, tables=tables)


def _spread(
    found: Sequence[Record], axis: int, name: str, classes: Sequence[str], *, sample: str, colour: Callable[[str], str]
) -> dict[str, object]:
    """A stacked histogram of one side of the cases."""
    values = [float(s["shape"][axis]) for s in found]
    # bins of whole samples, or some would hold one size more than others
    low, step = min(values), math.ceil((max(values) - min(values) + 1) / BINS)
    bins = math.ceil((max(values) - low + 1) / step)
    edges = [low + step * i for i in range(bins + 1)]
    heights: dict[str, list[float]] = {c: [0.0] * bins for c in classes}
    for size, value in zip(found, values, strict=True):
        place = int((value - low) // step)
        heights[str(size.get("class") or "")][place] += int(size.get("n") or 1)
    series = [Series(name=c or "cases", x=edges, y=heights[c], colour=colour(c)) for c in classes]
    most = max(sum(h) for h in zip(*heights.values(), strict=True))
    svg = figures.bars(
        series,
        Axis(low=edges[0], high=edges[-1], label=f"{name}, {sample}s", whole=True),
        Axis(low=0, high=most * 1.06, label="cases", whole=True),
    )
    return {"title": name.capitalize(), "svg": svg}
