"""The charts of a report as inline SVG: small, sharp in print, coloured by the theme in light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sagittal.core.score import Score
from sagittal.report._svg import Axis, Frame, tag

DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points that belong together: a curve, a cloud, or the heights of bars.

    Args:
        name: As in the legend.
        x: Positions; for bars the left edges and, last, the right edge of the last one.
        y: Heights; None or NaN breaks a line.
        colour: A CSS colour.
        dash: An SVG dash pattern, so that a line can be told without its colour.
        quiet: One of many, drawn thin and grey.
        between: For dots, the low and high end of each one's interval.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str = "var(--series-0)"
    dash: str = ""
    quiet: bool = False
    between: Sequence[tuple[float, float]] = ()


def curves(series: Sequence[Series], x: Axis, y: Axis, *, diagonal: bool = False, dots: bool = False, mark: float | None = None) -> Markup:
    """Lines over a common axis.

    Args:
        series: Quiet ones are drawn first, below the others.
        x: Horizontal axis.
        y: Vertical axis.
        diagonal: A dotted line where x equals y: chance of an ROC curve, perfect calibration.
        dots: A dot on each point, for few points.
        mark: A vertical hairline at this position, such as the epoch that was kept.

    >>> svg = curves([Series(name="a", x=[0, 1], y=[0, 1])], Axis(low=0, high=1), Axis(low=0, high=1))
    >>> svg.count("<polyline")
    1
    """
    square = (x.low, x.high) == (y.low, y.high) == (0, 1)
    frame = Frame(x=x, y=y, width=340, height=328) if square else Frame(x=x, y=y)
    content: list[Markup] = []
    if diagonal:
        content.append(frame.line([x.low, x.high], [y.low, y.high], class_="reference"))
    if mark is not None:
        column = frame.px(mark)
        content.append(tag("line", x1=column, x2=column, y1=frame.top, y2=frame.height - frame.bottom, class_="mark"))
    for one in sorted(series, key=lambda s: not s.quiet):
        content += [*_whiskers(frame, one), *_strokes(frame, one, dots=dots)]
    return frame.draw(content, title=f"{y.label} against {x.label}: " + ", ".join(s.name for s in series[:8]))


def bars(series: Sequence[Series], x: Axis, y: Axis) -> Markup:
    """A histogram; several series stand on top of each other."""
    frame = Frame(x=x, y=y, height=200)
    edges = series[0].x
    floor = [0.0] * (len(edges) - 1)
    content = []
    for one in series:
        for i, height in enumerate(one.y):
            if not height:
                continue
            left, right = frame.px(edges[i]), frame.px(edges[i + 1])
            top, bottom = frame.py(floor[i] + height), frame.py(floor[i])
            floor[i] += height
            box = {"x": left + 0.5, "y": top, "width": max(right - left - 1, 0.5), "height": max(bottom - top, 0.8)}
            content.append(tag("rect", tag("title", f"{one.name}: {height:g}"), **box, style=f"fill:{one.colour}"))
    return frame.draw(content, title=f"{y.label} by {x.label}")


def cloud(series: Sequence[Series], x: Axis, y: Axis, *, diagonal: bool = False, levels: Sequence[tuple[float, str]] = ()) -> Markup:
    """Points, with a dotted diagonal or named horizontal levels."""
    frame = Frame(x=x, y=y, width=360, height=320)
    content = []
    if diagonal:
        content.append(frame.line([x.low, x.high], [x.low, x.high], class_="reference"))
    # below the points, which a name would hide
    for level, name in levels:
        row = frame.py(level)
        content.append(tag("line", x1=frame.left, x2=frame.width - frame.right, y1=row, y2=row, class_="mark"))
        content.append(tag("text", name, x=frame.width - frame.right, y=row - 4, text_anchor="end", class_="note"))
    for one in series:
        content += [
            tag("circle", cx=frame.px(a), cy=frame.py(b), r=2.6, class_="point", style=f"fill:{one.colour}")
            for a, b in zip(one.x, one.y, strict=True)
            if b is not None and math.isfinite(a) and math.isfinite(b)
        ]
    return frame.draw(content, title=f"{y.label} against {x.label}")


def strip(score: Score | None, axis: Axis, *, baseline: float | None = None, colour: str = "var(--accent)") -> Markup:
    """A score as a dot on its interval, a grey tick at the baseline; as wide as its place on the page.

    A score without a value leaves the strip empty: the table beside it says why.

    >>> "circle" in strip(Score(metric="f1", value=0.5, n=3), Axis(low=0, high=1))
    True
    """
    parts = [tag("line", x1="0%", x2="100%", y1=9, y2=9, class_="rail")]
    parts += [tag("line", x1=end, x2=end, y1=6, y2=12, class_="rail") for end in ("0%", "100%")]
    if baseline is not None and math.isfinite(baseline):
        at = _percent(axis, baseline)
        parts.append(tag("line", x1=at, x2=at, y1=2, y2=16, class_="baseline"))
    if score is not None and score.value is not None:
        if score.low is not None and score.high is not None:
            ends = {"x1": _percent(axis, score.low), "x2": _percent(axis, score.high)}
            parts.append(tag("line", **ends, y1=9, y2=9, class_="whisker", style=f"stroke:{colour}"))
        parts.append(tag("circle", cx=_percent(axis, score.value), cy=9, r=4.2, class_="dot", style=f"fill:{colour}"))
    return tag("svg", *parts, class_="strip", height=18, width="100%", aria_hidden="true")


def meter(share: float, *, colour: str = "var(--series-0)") -> Markup:
    """A bar that fills a share of its place."""
    full = tag("rect", x=0, y=0, width=f"{100 * min(max(share, 0.0), 1.0):.1f}%", height=8, rx=1.5, style=f"fill:{colour}")
    return tag("svg", full, class_="meter", height=8, width="100%", aria_hidden="true")


def score_axis(scores: Sequence[Score | None], baselines: Sequence[float | None] = ()) -> Axis:
    """The axis that scores of one metric share: 0 to 1 for ratios, else from 0 (or lower) to a little above the highest.

    >>> score_axis([Score(metric="dice", value=0.7)]).high
    1.0
    """
    known = [s for s in scores if s is not None and s.value is not None]
    numbers = [v for s in known for v in (s.value, s.low, s.high) if v is not None] + [b for b in baselines if b is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if all(s.unit == "1" and s.higher_is_better for s in known):
        return Axis(low=-1.0 if low < -0.05 else 0.0, high=1.0)
    return Axis(low=min(low * 1.08, 0.0), high=max(high * 1.08, 1e-9, -low * 0.1))


def _whiskers(frame: Frame, one: Series) -> list[Markup]:
    """A thin upright line for each interval, below the dots."""
    ends = zip(one.x, one.between, strict=True) if one.between else ()
    style = f"stroke:{one.colour}"
    return [
        tag("line", x1=frame.px(x), x2=frame.px(x), y1=frame.py(a), y2=frame.py(b), class_="upright", style=style) for x, (a, b) in ends
    ]


def _strokes(frame: Frame, one: Series, *, dots: bool) -> list[Markup]:
    """The unbroken stretches of a line."""
    style = "" if one.quiet else f"stroke:{one.colour}"
    parts, stretch = [], []
    for a, b in [*zip(one.x, one.y, strict=True), (math.nan, None)]:
        if b is not None and math.isfinite(b):
            stretch.append((a, b))
            continue
        if len(stretch) > 1:
            x, y = zip(*stretch, strict=True)
            parts.append(frame.line(x, y, class_="quiet" if one.quiet else "curve", style=style or None, stroke_dasharray=one.dash or None))
        if stretch and (dots or len(stretch) == 1):
            parts += [tag("circle", cx=frame.px(a), cy=frame.py(b), r=3, style=f"fill:{one.colour}") for a, b in stretch]
        stretch = []
    return parts


def _percent(axis: Axis, value: float) -> str:
    return f"{100 * axis.share(value):.2f}%"
