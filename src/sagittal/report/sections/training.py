"""Training: losses and scores over the epochs, and which epoch was kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagittal.report import figures, words
from sagittal.report._svg import Axis, reach
from sagittal.report.figures import Series
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

MOST_CHARTS = 4
_MANY = 10
TRAIN, VAL = "var(--series-7)", "var(--series-0)"

PAGE = """
<div class="panels small-ones">
{% for chart in charts %}
{{ parts.chart(chart.svg, chart.title, "", parts.legend(chart.legend) if chart.legend | length > 1 else "") }}
{% endfor %}
</div>
{% if kept %}<p class="small">The dashed line marks epoch {{ kept | short }}, whose weights were kept.</p>{% endif %}
"""


def training(view: RunView) -> Section | None:
    """Curves of log.csv; None for a run without epochs (a table model may have none)."""
    epochs = [e for e in view.log.get("epoch", ()) if e is not None]
    if not epochs:
        return None
    kept = view.best_epoch if view.best_epoch in epochs else None
    charts = [c for c in (_chart(view, epochs, title, columns, kept) for title, columns in _plan(view).items()) if c]
    return Section(title="Training", order=50, lede=_lede(view, epochs, kept), html=fill(PAGE, charts=charts, kept=kept))


def _plan(view: RunView) -> dict[str, dict[str, str]]:
    """Which columns share a chart: the two losses; each other score, training beside validation; the classes of a score."""
    sources = {"train_loss": "train", "val_loss": "val"}
    loss = {c: n for c, n in sources.items() if c in view.log}
    charts: dict[str, dict[str, str]] = {"Loss": loss} if loss else {}
    for column in view.log:
        name = column.removeprefix("val_")
        if not column.startswith("val_") or name == "loss" or name.startswith("loss_"):
            continue
        metric, colon, label = name.partition(":")
        if colon:
            charts.setdefault(f"{words.metric_name(metric, view.axes)} of the classes, val", {})[column] = label
            continue
        sources = {f"train_{name}": "train", column: "val"}
        charts[words.metric_name(name, view.axes)] = {c: n for c, n in sources.items() if c in view.log}
    shown = dict(list(charts.items())[:MOST_CHARTS])
    if "lr" in view.log and len(set(view.log["lr"])) > 1:
        shown["Learning rate"] = {"lr": "learning rate"}
    return shown


def _chart(view: RunView, epochs: list[float], title: str, columns: Mapping[str, str], kept: float | None) -> dict[str, Any] | None:
    values = [v for c in columns for v in view.log[c] if v is not None]
    if not values:
        return None
    series = [_series(view, epochs, column, name) for column, name in columns.items()]
    ratio = title != "Loss" and min(values) >= 0 and max(values) <= 1 and "lr" not in columns
    vertical = Axis(low=max(0.0, min(0.5, min(values) - 0.05)), high=1.0) if ratio else reach(values, zero=title == "Loss")
    horizontal = Axis(low=min(epochs), high=max(max(epochs), min(epochs) + 1), label="epoch", whole=True)
    svg = figures.curves(series, horizontal, vertical, dots=len(epochs) == 1, mark=kept)
    return {"title": title, "svg": svg, "legend": [{"name": s.name, "colour": s.colour, "dash": s.dash, "value": ""} for s in series]}


def _series(view: RunView, epochs: list[float], column: str, name: str) -> Series:
    colours = {"train_": TRAIN, "val_": VAL}
    own = view.colour(name) if ":" in column else next((c for head, c in colours.items() if column.startswith(head)), VAL)
    return Series(name=name, x=epochs, y=view.log[column][: len(epochs)], colour=own, dash="5 3" if column.startswith("train_") else "")


def _lede(view: RunView, epochs: list[float], kept: float | None) -> str:
    seconds = sum(s for s in view.speed.get("seconds", ()) if s is not None)
    told = words.count(len(epochs), "epoch") + (f" in {words.duration(seconds)}" if seconds else "")
    device = view.training.get("device") or view.environment.get("device")
    told += f" on {device}" if device else ""
    speed = [v for v in view.speed.get("images_per_s", ()) if v]
    usual = sorted(speed)[len(speed) // 2] if speed else 0
    told += f", {words.number(usual, 0 if usual >= _MANY else None)} images a second" if usual else ""
    ended = str(view.training.get("ended") or "")
    # that all epochs are done is said by their number
    told += f"; {ended}" if ended and not ended.startswith("all ") else ""
    return f"{told}; the weights of epoch {kept:g} were kept." if kept is not None else f"{told}."
