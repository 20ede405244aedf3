"""Gallery: cases of each kind, with what the network looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagittal.report import words
from sagittal.report.page import fill, picture, proportion
from sagittal.report.section import Section
from sagittal.report.view import RunView

MOST = 6
BROAD = 1.5
CAUTION = "A map shows where, not why: it is no proof that the reason is a medical one."
KINDS = {
    "confident_mistake": "Most confident mistakes",
    "FN": "Missed (false negatives)",
    "FP": "False alarms (false positives)",
    "near_threshold": "Nearest to the threshold",
    "TP": "Found (true positives)",
    "TN": "Rightly left alone (true negatives)",
    "wrong": "Mistakes",
    "right": "Right answers",
    "worst": "Worst",
    "median": "Usual",
    "best": "Best",
    "case": "Cases",
}

PAGE = """
{% if keys %}{{ parts.keys(keys) }}{% endif %}
{% for kind in kinds %}
<h3 class="block-head">{{ kind.title }}</h3>
<div class="gallery{% if broad or drawn %} broad{% endif %}{% if drawn and not broad %} beside{% endif %}">
{% for item in kind.shown %}
<figure>
<div class="pair{% if item.faces | length == 1 %} one{% endif %}">
{% for face in item.faces %}
<img src="{{ face }}" alt="{{ item.case }}{{ ', what the network looked at' if loop.index == 2 }}">
{% endfor %}
</div>
<figcaption class="case">
{% if item.truth %}<b>{{ item.truth }}</b>
{%- if item.predicted and item.predicted != item.truth %}, called <b>{{ item.predicted }}</b>{% endif %}
{% elif item.predicted %}<b>{{ item.predicted }}</b>
{% endif %}
{% if item.p %} <span class="interval">p {{ item.p }}</span>{% endif %}
{% if item.attention_to %}
 <span class="interval">last: what spoke for {{ item.attention_to }} ({{ item.attention_method }})</span>
{% endif %}
<code>{{ item.case }}</code></figcaption>
</figure>
{% endfor %}
</div>
{% endfor %}
"""


def gallery(view: RunView) -> Section | None:
    """Pictures with their overlays, mistakes first; None where no case was explained."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for item in view.explanation.get("items") or ():
        shown = kinds.setdefault(str(item.get("kind", "")), [])
        made = _item(view, item)
        if made and len(shown) < MOST:
            shown.append(made)
    order = [*KINDS, *sorted(k for k in kinds if k not in KINDS)]
    rows = [{"title": KINDS.get(k, k.replace("_", " ").capitalize()), "shown": kinds[k]} for k in order if kinds.get(k)]
    if not rows:
        return None
    # One size for all: of pictures of many shapes a broad one would enlarge its row alone.
    wide = [item["wide"] for shown in kinds.values() for item in shown]
    broad = 2 * sum(wide) > len(wide)
    method = str(view.explanation.get("method") or "")
    shows = f"Warm colours show what spoke for the answer ({method.replace('_', '-')}). {CAUTION}" if method else ""
    lede = " ".join(filter(None, (shows, str(view.explanation.get("note") or ""))))
    legend = view.explanation.get("legend")
    keys = (
        [{"colour": c, "name": str(n)} for c, n in legend.items() if re.fullmatch(r"#[0-9a-fA-F]{6}", c)]
        if isinstance(legend, dict)
        else []
    )
    # Outlines need room too
    drawn = bool(legend)
    return Section(title="Gallery", order=110, lede=lede, html=fill(PAGE, kinds=rows, keys=keys, broad=broad, drawn=drawn))


def _item(view: RunView, item: Mapping[str, Any]) -> dict[str, Any] | None:
    files = [view.explained(item.get(key)) for key in ("picture", "overlay", "attention")]
    faces = [picture(path) for path in files if path is not None]
    p = item.get("p")
    if isinstance(p, dict):
        p = p.get(str(item.get("predicted")))
    probability = words.number(float(p), 2) if isinstance(p, int | float) else ""
    told = {key: _plain(item.get(key)) for key in ("case", "truth", "predicted", "attention_to", "attention_method")}
    told["attention_method"] = told["attention_method"].replace("_", "-")
    wide = any(proportion(path.read_bytes()[:24]) > BROAD for path in files if path is not None)
    return {**told, "p": probability, "faces": faces, "wide": wide} if faces else None


def _plain(value: object) -> str:
    if isinstance(value, float):
        return words.number(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "nothing"
    return "" if value is None else str(value)
