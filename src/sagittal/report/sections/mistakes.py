"""Mistakes: how sure the model was when it was wrong."""

from __future__ import annotations

from sagittal.report import figures, words
from sagittal.report._svg import Axis
from sagittal.report.figures import Series
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

BINS = 20
SURE = 0.9

PAGE = """
<div class="panels small-ones">
{{ parts.chart(wrong, "Misclassified", "", "") }}
{{ parts.chart(right, "Classified rightly", "", "") }}
</div>
"""


def mistakes(view: RunView) -> Section | None:
    """Two histograms of the probability of the answer, wrong and right; None for answers that are not one class."""
    wrong: list[float] = []
    right: list[float] = []
    for row in view.predictions:
        stated = row.get(f"p:{row.get('predicted')}")
        if stated and row.get("truth"):
            (right if row["truth"] == row["predicted"] else wrong).append(float(stated))
    if not wrong:
        return None
    low = 0.0 if min(wrong + right) < 0.25 else 1 / max(len(view.labels), 2)
    charts = {
        "wrong": _histogram(wrong, low, "var(--series-4)", "wrong"),
        "right": _histogram(right, low, "var(--series-0)", "right"),
    }
    sure = sum(p >= SURE for p in wrong)
    among = sum(p >= SURE for p in right) + sure
    lede = f"{words.count(len(wrong), 'mistake')} among {words.count(len(wrong) + len(right), 'case')}. "
    if among:
        lede += (
            f"Of the {among:,} answers that it was at least {words.percent(SURE)} sure of, {sure:,} {'was' if sure == 1 else 'were'} wrong."
        )
    return Section(title="Mistakes", order=100, lede=lede, html=fill(PAGE, **charts))


def _histogram(values: list[float], low: float, colour: str, name: str) -> object:
    edges = [low + (1 - low) * i / BINS for i in range(BINS + 1)]
    heights = [0.0] * BINS
    for value in values:
        heights[min(max(int((value - low) / (1 - low) * BINS), 0), BINS - 1)] += 1
    up = Axis(low=0, high=max([*heights, 4.0]) * 1.08, label="cases", whole=True)
    return figures.bars(
        [Series(name=name, x=edges, y=heights, colour=colour)], Axis(low=low, high=1, label="probability of the answer"), up
    )
