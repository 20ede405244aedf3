"""Agreement: measured values, truth against answer."""

from __future__ import annotations

import statistics

from sagittal.report import figures, words
from sagittal.report._svg import reach
from sagittal.report.figures import Series
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

MOST_POINTS = 1500

PAGE = """
{% for pair in pairs %}
{% if pair.name %}<h3 class="block-head">{{ pair.name }}</h3>{% endif %}
<div class="panels">
{{ parts.chart(pair.against, "Answer against truth", "Dotted: perfect agreement.") }}
{{ parts.chart(pair.differences, "Differences (Bland and Altman)", pair.note) }}
</div>
{% endfor %}
"""


def agreement(view: RunView) -> Section | None:
    """Scatter and Bland-Altman plot of every measured value; None where the answers are not numbers."""
    names = view.labels.classes if len(view.labels) > 1 else ("",)
    unit = view.labels.unit
    pairs = [p for p in (_pair(view, i, name, unit) for i, name in enumerate(names)) if p]
    return Section(title="Agreement", order=70, html=fill(PAGE, pairs=pairs)) if pairs else None


def _pair(view: RunView, place: int, name: str, unit: str) -> dict[str, object] | None:
    if view.confusion or view.curves.get("roc"):
        return None
    points = [p for p in (_numbers(row, place) for row in view.predictions) if p]
    if len(points) < 2 or len(points) < len(view.predictions) // 2:
        return None
    step = -(-len(points) // MOST_POINTS)
    shown = points[::step]
    suffix = f", {unit}" if unit else ""
    both = [v for p in points for v in p]
    axis = reach(both)
    across, up = (type(axis)(low=axis.low, high=axis.high, label=label + suffix) for label in ("truth", "answer"))
    truth, answer = zip(*shown, strict=True)
    against = figures.cloud([Series(name="cases", x=truth, y=answer)], across, up, diagonal=True)
    gaps = [b - a for a, b in points]
    bias, spread = statistics.fmean(gaps), statistics.stdev(gaps)
    low, high = bias - 1.96 * spread, bias + 1.96 * spread
    levels = [(level, f"{label} {words.number(level)}") for label, level in (("+1.96 sd", high), ("bias", bias), ("\u22121.96 sd", low))]
    mean_axis = reach([(a + b) / 2 for a, b in points], label="mean of both" + suffix)
    gap_axis = reach([*gaps, low, high], label="answer \u2212 truth" + suffix)
    cloud = Series(name="cases", x=[(a + b) / 2 for a, b in shown], y=[b - a for a, b in shown])
    thinned = f" Every {step}th case is drawn." if step > 1 else ""
    said = [words.with_unit(words.number(v), unit) for v in (bias, low, high)]
    note = f"Bias {said[0]}; 95{words.NARROW}% of the differences lie between {said[1]} and {said[2]}.{thinned}"
    return {"name": name, "against": against, "differences": figures.cloud([cloud], mean_axis, gap_axis, levels=levels), "note": note}


def _numbers(row: object, place: int) -> tuple[float, float] | None:
    """Truth and answer of one row; several values stand in one cell, parted by a semicolon."""
    try:
        truth, answer = (float(str(row[key]).split(";")[place]) for key in ("truth", "predicted"))  # type: ignore[index]
    except (KeyError, ValueError, IndexError):
        return None
    return truth, answer
