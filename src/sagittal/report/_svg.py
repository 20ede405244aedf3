"""The few SVG pieces that all charts share: elements, scales, and a frame with axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sagittal.report.words import short

DIGIT_PX = 5.6
"""How wide a digit of an axis is drawn."""


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """One element; ``class_`` is class, ``_`` is a hyphen, floats are rounded, None is left out.

    >>> str(tag("circle", cx=1.23456, stroke_width=2, class_="dot"))
    '<circle cx="1.23" stroke-width="2" class="dot"/>'
    """
    parts = [Markup(' {}="{}"').format(k.rstrip("_").replace("_", "-"), _plain(v)) for k, v in attributes.items() if v is not None]
    head = Markup("<{}{}").format(name, Markup("").join(parts))
    if not children:
        return head + Markup("/>")
    inside = Markup("").join(escape(child) for child in children)
    return head + Markup(">") + inside + Markup("</{}>").format(name)


def path(x: Iterable[float], y: Iterable[float], **attributes: object) -> Markup:
    """A line through points in picture coordinates."""
    points = " ".join(f"{_plain(a)},{_plain(b)}" for a, b in zip(x, y, strict=True))
    return tag("polyline", points=points, fill="none", **attributes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """What an axis measures: its range, its name, and whether it counts in powers of ten; or the names at 0, 1, 2 ..."""

    low: float
    high: float
    label: str = ""
    log: bool = False
    whole: bool = False
    names: tuple[str, ...] = ()

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high end; clipped to both."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, max(value, self.low) if self.log else value))
        return min(max((at - low) / (high - low), 0.0), 1.0) if high > low else 0.5

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round numbers inside the range, about as many as wanted.

        >>> Axis(low=0, high=1).ticks(), Axis(low=0.001, high=1, log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.001, 0.01, 0.1, 1.0])
        """
        if self.names:
            return [float(n) for n in range(0, len(self.names), max(1, -(-len(self.names) // max(1, wanted))))]
        if self.log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            tens = [10.0**p for p in powers]
            return tens[:: max(1, math.ceil(len(tens) / wanted))] if len(tens) > 1 else [self.low, self.high]
        step = _round_step((self.high - self.low) / wanted)
        step = max(step, 1.0) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        return [round(k * step, 10) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def text(self, tick: float) -> str:
        """What stands at a tick.

        >>> Axis(low=-0.5, high=1.5, names=("adam", "sgd")).text(1.0)
        'sgd'
        """
        return self.names[int(tick)] if self.names else short(tick)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A drawing area with a horizontal and a vertical axis; sizes in picture pixels."""

    x: Axis
    y: Axis
    width: float = 300
    height: float = 220
    left: float = 46
    right: float = 12
    top: float = 10
    bottom: float = 40

    def px(self, value: float) -> float:
        """The picture's column of a value."""
        return self.left + self.x.share(value) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        """The picture's row of a value."""
        return self.height - self.bottom - self.y.share(value) * (self.height - self.top - self.bottom)

    def line(self, x: Sequence[float], y: Sequence[float], **attributes: object) -> Markup:
        """A line through points in axis units."""
        return path([self.px(v) for v in x], [self.py(v) for v in y], **attributes)

    def draw(self, content: Iterable[object], *, title: str) -> Markup:
        """The whole picture: hairlines, tick labels, axis names, then the content."""
        return tag(
            "svg",
            tag("g", *self._grid(), class_="grid"),
            *content,
            viewBox=f"0 0 {_plain(self.width)} {_plain(self.height)}",
            class_="chart",
            role="img",
            aria_label=title,
            style=f"max-width:{_plain(self.width * 1.15)}px",
        )

    def _columns(self) -> list[float]:
        """Ticks of the horizontal axis, so few that their numbers stand apart."""
        room = self.width - self.left - self.right
        ticks = self.x.ticks()
        for wanted in (4, 3, 2):
            if sum(len(self.x.text(t)) + 2 for t in ticks) * DIGIT_PX > room:
                ticks = self.x.ticks(wanted)
        return ticks

    def _grid(self) -> list[Markup]:
        base, end = self.height - self.bottom, self.width - self.right
        parts = []
        for tick in self.y.ticks(4 if self.height < 240 else 5):
            row = self.py(tick)
            parts.append(tag("line", x1=self.left, x2=end, y1=row, y2=row))
            parts.append(tag("text", short(tick), x=self.left - 7, y=row + 3.5, text_anchor="end"))
        parts.append(tag("line", x1=self.left, x2=end, y1=base, y2=base, class_="base"))
        for tick in self._columns():
            column = self.px(tick)
            parts.append(tag("line", x1=column, x2=column, y1=base, y2=base + 4, class_="base"))
            parts.append(tag("text", self.x.text(tick), x=column, y=base + 16, text_anchor="middle"))
        middle = (self.left + end) / 2
        parts.append(tag("text", self.x.label, x=middle, y=self.height - 5, text_anchor="middle", class_="name"))
        if self.y.label:
            centre = (self.top + base) / 2
            turned = f"rotate(-90 11 {_plain(centre)})"
            parts.append(tag("text", self.y.label, x=11, y=centre, text_anchor="middle", class_="name", transform=turned))
        return parts


def reach(values: Iterable[float | None], *, zero: bool = False, label: str = "", log: bool = False) -> Axis:
    """An axis that holds all values with a little air; from 0 on request; never of length zero.

    >>> reach([2.0, 4.0], zero=True).low
    0.0
    """
    known = [v for v in values if v is not None and math.isfinite(v) and (v > 0 or not log)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if log:
        return Axis(low=low / 1.1, high=high * 1.1, label=label, log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        spread = abs(low) * 0.1 or 1.0
        return Axis(low=low - spread, high=high + spread, label=label)
    air = 0.05 * (high - low)
    return Axis(low=low if zero and low >= 0 else low - air, high=high + air, label=label)


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return min((m * power for m in (1.0, 2.0, 5.0, 10.0)), key=lambda step: abs(step - raw))


def _plain(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
