"""The charts: sound SVG, true positions, round ticks."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagittal.core.score import Score
from sagittal.report import figures
from sagittal.report._svg import Axis, reach, tag
from sagittal.report.figures import Series

UNIT = Axis(low=0, high=1)
REAL = st.floats(-1e6, 1e6, allow_nan=False)


def parsed(svg: object) -> ET.Element:
    text = str(svg)
    assert "nan" not in text and "inf" not in text
    return ET.fromstring(text)


@given(st.lists(REAL, min_size=1, max_size=20))
def test_an_axis_holds_its_values_and_has_ticks(values):
    axis = reach(values)
    assert axis.low < axis.high
    assert axis.low <= min(values) and max(values) <= axis.high
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 12
    assert all(axis.low - 1e-6 * abs(axis.low) - 1e-6 <= t <= axis.high + 1e-6 * abs(axis.high) + 1e-6 for t in ticks)


@given(st.lists(st.one_of(st.none(), REAL), min_size=2, max_size=30))
def test_a_line_is_broken_where_a_value_is_missing(values):
    x = [float(i) for i in range(len(values))]
    root = parsed(figures.curves([Series(name="a", x=x, y=values)], reach(x), reach(values)))
    runs = "".join("." if v is None else "x" for v in values).split(".")
    assert len(root.findall("polyline")) == sum(len(run) > 1 for run in runs)


def test_text_in_a_chart_is_escaped():
    svg = str(tag("text", '<script>"&', x=1.0, aria_label='"><b>'))
    assert "<script>" not in svg and 'aria-label="&#34;&gt;&lt;b&gt;"' in svg


def test_a_dot_stands_where_its_value_is():
    svg = str(figures.strip(Score(metric="auc", value=0.75, low=0.5, high=1.0, n=9), UNIT, baseline=0.25))
    parsed(svg)
    assert 'cx="75.00%"' in svg and 'x1="50.00%" x2="100.00%"' in svg
    assert re.search(r'x1="25\.00%" x2="25\.00%"[^>]*class="baseline"', svg)


def test_a_score_without_a_value_has_no_dot():
    assert "circle" not in figures.strip(Score(metric="auc", undefined="one class", n=9), UNIT)
    assert "circle" not in figures.strip(None, UNIT)


@pytest.mark.parametrize(("value", "share"), [(-3.0, 0.0), (0.5, 0.5), (7.0, 1.0)])
def test_a_value_beyond_the_axis_stays_on_the_page(value, share):
    assert UNIT.share(value) == share


def test_a_log_axis_counts_in_tens():
    axis = Axis(low=1e-5, high=1e-1, log=True)
    assert math.isclose(axis.share(1e-3), 0.5)
    assert axis.ticks() == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]


def test_stacked_bars_stand_on_each_other():
    series = [Series(name=n, x=[0, 1], y=[h]) for n, h in (("a", 2), ("b", 3))]
    boxes = parsed(figures.bars(series, UNIT, Axis(low=0, high=5))).findall("rect")
    low, high = ((float(b.get("y")), float(b.get("y")) + float(b.get("height"))) for b in boxes)
    assert math.isclose(low[0], high[1], abs_tol=0.02)


def test_errors_are_drawn_from_zero_and_ratios_to_one():
    error = Score(metric="mae", value=5.0, low=4.0, high=6.0, n=9, unit="mm", higher_is_better=False)
    assert figures.score_axis([error], [17.0]).low == 0
    assert figures.score_axis([error], [17.0]).high > 17
    assert (figures.score_axis([Score(metric="auc", value=0.7)]).low, figures.score_axis([Score(metric="auc", value=0.7)]).high) == (
        0.0,
        1.0,
    )
    assert figures.score_axis([Score(metric="mcc", value=-0.4, low=-0.6, high=0.1)]).low == -1.0


@given(st.lists(st.tuples(REAL, REAL), min_size=1, max_size=50))
def test_a_cloud_has_a_dot_a_point(points):
    x, y = zip(*points, strict=True)
    root = parsed(figures.cloud([Series(name="a", x=x, y=y)], reach(x), reach(y), levels=[(0.0, "bias")]))
    assert len(root.findall("circle")) == len(points)
