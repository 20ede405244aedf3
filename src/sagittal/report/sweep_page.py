"""A sweep as a page: which settings were tried, what validation says of them, which were chosen, what failed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from yaml import safe_dump

from sagittal.io.atomic import write_text
from sagittal.report import page, words
from sagittal.report._svg import Axis, Frame, reach, tag
from sagittal.report.page import fill
from sagittal.report.section import Section

Record = Mapping[str, Any]

MOST_ROWS = 400

VERDICT = """
<p class="verdict">{{ sentence }}</p>
<p>{{ note }}</p>
{% if next %}<pre>{{ next }}</pre>{% endif %}
"""

TABLE = """
<div class="scroll"><table>
<thead><tr><th class="num">Trial</th>{% for key in keys %}<th class="num">{{ key }}</th>{% endfor %}
<th class="num">{{ score }}</th><th class="num">95 % over seeds</th><th>seed: value (epoch kept)</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><td class="num">{{ row.trial }}{% if row.chosen %} <span class="positive">chosen</span>{% endif %}</td>
{% for value in row.settings %}<td class="num">{{ value }}</td>{% endfor %}
<td class="num">{% if row.value is none %}<span class="undefined">{{ row.state }}</span>{% else %}<b>{{ row.value }}</b>{% endif %}</td>
<td class="num">{{ row.between }}</td><td class="small">{{ row.seeds }}</td></tr>
{% endfor %}
</tbody></table></div>
{% if rest %}<p class="small">and {{ rest | count }} more in sweep.csv</p>{% endif %}
"""

FAILED = """
<table><thead><tr><th class="num">Trial</th><th>Run</th><th>State</th><th>Why</th></tr></thead>
<tbody>{% for row in rows %}
<tr><td class="num">{{ row.trial }}</td><td>{{ row.run }}</td><td>{{ row.state }}</td><td>{{ row.reason }}</td></tr>
{% endfor %}</tbody></table>
"""

PLOTS = """
<div class="panels">{% for plot in plots %}{{ parts.chart(plot.svg, plot.key) }}{% endfor %}</div>
"""


def write(folder: Path) -> Path:
    """Write ``sweep.html`` beside ``sweep.json``; the same record gives the same bytes.

    Raises:
        StorageFailure: It cannot be written.
    """
    record = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    write_text(folder / "sweep.html", html(record, name=folder.resolve().name))
    return folder / "sweep.html"


def html(record: Record, *, name: str) -> str:
    """The page of what ``sweep.json`` holds."""
    keys = [*record["asked"]["grid"], *record["asked"]["search"]]
    trials = list(record["trials"])
    seeds = words.count(int(record["asked"]["seeds"]), "seed")
    sections = [_verdict(record, keys), _plots(record, keys), _table(record, keys), _failed(trials), _asked(record, keys)]
    return page.whole(
        [s for s in sections if s is not None],
        title=name,
        subtitle=" · ".join([f"{len(trials):,} of {_count(record):,} trials", f"{seeds} each", _score(record)]),
        footer=("Not a medical device. Made by Sagittal from sweep.json; nothing in this page is fetched from elsewhere.",),
        kind="Sweep",
    )


def _verdict(record: Record, keys: Sequence[str]) -> Section:
    chosen = next((t for t in record["trials"] if t["trial"] == record["best"]), None)
    state = "" if record["finished"] else "It is not finished: this is what is known so far. "
    if chosen is None:
        sentence = f"{state}No trial ended well with all of its seeds: there is none to choose."
        return Section(title="Choice", order=10, html=fill(VERDICT, sentence=sentence, note=record["note"], next=""))
    settings = ", ".join(f"{key} {_text(chosen['settings'][key])}" for key in keys)
    better = "least" if record["lower_is_better"] else "highest"
    sentence = (
        f"{state}Trial {chosen['trial']} is chosen: {settings}. Its {_score(record)} is the {better}, {words.number(chosen['value'])}"
    )
    if chosen["low"] is not None:
        sentence += f" ({words.number(chosen['low'])} to {words.number(chosen['high'])} over {chosen['n']} seeds)"
    sentence += f"; {record['doubt']}."
    return Section(title="Choice", order=10, html=fill(VERDICT, sentence=sentence, note=record["note"], next=record.get("next") or ""))


def _table(record: Record, keys: Sequence[str]) -> Section:
    sign = 1 if record["lower_is_better"] else -1
    ended = [t for t in record["trials"] if t["state"] == "done" and t["value"] is not None]
    order = sorted(ended, key=lambda t: (sign * t["value"], t["trial"])) + [t for t in record["trials"] if t not in ended]
    rows = [
        {
            "trial": t["trial"],
            "chosen": t["trial"] == record["best"],
            "settings": [_text(t["settings"][key]) for key in keys],
            "value": None if t["value"] is None or t["state"] != "done" else words.number(t["value"]),
            "state": t["state"],
            "between": "" if t["low"] is None else f"{words.number(t['low'])} to {words.number(t['high'])}",
            "seeds": ", ".join(_seed(s) for s in t["seeds"]),
        }
        for t in order[:MOST_ROWS]
    ]
    html = fill(TABLE, keys=keys, score=_score(record), rows=rows, rest=max(0, len(order) - MOST_ROWS))
    return Section(title="Trials", order=30, lede="The best on validation first; then what did not end well.", html=html)


def _failed(trials: Sequence[Record]) -> Section | None:
    rows = [
        {"trial": t["trial"], "run": s["run"], "state": s["state"], "reason": s["reason"] or "it has not ended"}
        for t in trials
        for s in t["seeds"]
        if s["state"] != "done"
    ]
    lede = "A trial that failed with one of its seeds is not chosen. What died or is open is trained again when the command is given again."
    return Section(title="Not ended well", order=40, lede=lede, html=fill(FAILED, rows=rows)) if rows else None


def _plots(record: Record, keys: Sequence[str]) -> Section | None:
    """The score against each setting."""
    ended = [t for t in record["trials"] if t["state"] == "done" and t["value"] is not None]
    if len(ended) < 2:
        return None
    y = reach([v for t in ended for v in (t["value"], t["low"], t["high"])], label=_score(record))
    plots = [{"key": key, "svg": _plot(key, ended, y, record)} for key in keys]
    lede = "A dot is a trial, its line the 95 % interval over seeds; the chosen one is orange. The other settings differ."
    return Section(title="Settings", order=20, lede=lede, html=fill(PLOTS, plots=plots))


def _plot(key: str, ended: Sequence[Record], y: Axis, record: Record) -> Markup:
    """Dots over the values of one setting: at their place where a search drew numbers, else side by side in their order."""
    drawn = record["asked"]["search"].get(key)
    texts = [] if drawn else [_text(v) for v in record["asked"]["grid"][key]]
    if drawn:
        x = reach([t["settings"][key] for t in ended], log=bool(drawn["log"]), label=key)
    else:
        x = Axis(low=-0.5, high=len(texts) - 0.5, label=key, names=tuple(texts))
    frame = Frame(x=x, y=y)
    best = [t for t in ended if t["trial"] == record["best"]]
    content: list[Markup] = []
    for n, trial in enumerate([*(t for t in ended if t not in best), *best]):
        at = float(trial["settings"][key]) if drawn else texts.index(_text(trial["settings"][key])) + _aside(n)
        style = "var(--series-1)" if trial in best else "var(--series-0)"
        said = f"trial {trial['trial']}: {words.number(trial['value'])}"
        if trial["low"] is not None:
            ends = {"x1": frame.px(at), "x2": frame.px(at), "y1": frame.py(trial["low"]), "y2": frame.py(trial["high"])}
            content.append(tag("line", **ends, class_="upright", style=f"stroke:{style}"))
        spot = {"cx": frame.px(at), "cy": frame.py(trial["value"]), "r": 4.0 if trial in best else 2.8}
        content.append(tag("circle", tag("title", said), **spot, style=f"fill:{style}"))
    return frame.draw(content, title=f"{_score(record)} against {key}")


def _aside(n: int) -> float:
    """Dots of one value stand beside each other, always in the same places."""
    return ((n * 7) % 11 - 5) * 0.03


def _asked(record: Record, keys: Sequence[str]) -> Section:
    asked = record["asked"]
    rooms = {key: f"{_text(r['low'])} to {_text(r['high'])}{', logarithm' if r['log'] else ''}" for key, r in asked["search"].items()}
    values = {key: ", ".join(_text(v) for v in asked["grid"][key]) for key in asked["grid"]}
    facts = [(key, values.get(key) or rooms[key]) for key in keys]
    facts += [("Trials", f"{asked['trials']} drawn" if asked["trials"] else "every combination"), ("Seeds", str(asked["seeds"]))]
    facts += [("Threads of each training", str(record["threads"])), ("Device", str(asked["device"]))]
    html = fill("{{ parts.facts(facts) }}<h3>Common to all</h3><pre>{{ recipe }}</pre>", facts=facts, recipe=safe_dump(asked["recipe"]))
    return Section(title="What was asked", order=50, lede="The data are looked at and split once, for all trials.", html=html)


def _count(record: Record) -> int:
    asked = record["asked"]
    return int(asked["trials"]) if asked["trials"] else math.prod(len(values) for values in asked["grid"].values())


def _score(record: Record) -> str:
    return f"val_{record['score']}"


def _seed(seed: Record) -> str:
    said = str(seed["state"]) if seed["value"] is None else f"{words.number(seed['value'])} ({seed['epoch']})"
    return f"{seed['seed']}: {said}"


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
