"""Calibration: does a stated probability come true, and at which threshold is a case called positive?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagittal.core.labels import PALETTE
from sagittal.report import figures, words
from sagittal.report._svg import Axis
from sagittal.report.figures import DASHES, Series
from sagittal.report.flags import sentence
from sagittal.report.page import fill
from sagittal.report.score_reading import scores_of
from sagittal.report.score_table import score_table
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
<div class="panels">
{% if chart %}
{{ parts.chart(chart, "Reliability", note, parts.legend(legend)) }}
{% endif %}
<div>{{ parts.facts(facts) }}{% for text in notes %}<p class="small">{{ text }}</p>{% endfor %}</div>
</div>
{% if thresholds %}
<h3 class="block-head">Threshold</h3>
<div class="scroll"><table>
<thead><tr><th>Class</th><th>Called from</th><th>Sensitivity, validation</th><th>Specificity, validation</th>
<th class="num">with</th><th class="num">without</th></tr></thead>
<tbody>
{% for t in thresholds %}
<tr><th scope="row" class="name">{{ t.label }}</th><td><b>{{ t.value | number }}</b></td><td>{{ t.sensitivity | number }}</td>
<td>{{ t.specificity | number }}</td><td class="num">{{ t.n_with | count }}</td><td class="num">{{ t.n_without | count }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
{% if at_threshold %}
<h3 class="block-head">Scores at this threshold, on “{{ evaluation }}”</h3>
{{ at_threshold }}
{% endif %}
"""

BY_DECISION = {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc", "kappa"}
RULES = {"youden": "the largest sum of sensitivity and specificity", "argmax": "the most probable class"}


def calibration(view: RunView) -> Section | None:
    """The reliability diagram before and after, the operating point and its scores; None where nothing was fitted."""
    fitted, point = (_record(view, key) for key in ("calibration", "operating_point"))
    series = _series(view)
    facts = [*_correction(fitted), *_decision(point), *_abstained(view)]
    if not series and not facts:
        return None
    across, up = (Axis(low=0.0, high=1.0, label=label) for label in ("stated probability", "observed frequency"))
    html = fill(
        PAGE,
        chart=figures.curves(series, across, up, diagonal=True, dots=True) if series else "",
        note="Dotted: a probability of 0.7 is right 7 times in 10."
        + (" Upright lines are 95\u202f% intervals." if any(s.between for s in series) else ""),
        legend=[{"name": s.name, "colour": s.colour, "dash": s.dash, "value": ""} for s in series],
        facts=facts,
        notes=_notes(fitted, point),
        thresholds=[_threshold(t) for t in point.get("thresholds") or ()],
        at_threshold=_at_threshold(view, point),
        evaluation=view.evaluation,
    )
    lede = "Fitted on validation cases, applied to every answer of the model." if facts else ""
    return Section(title="Calibration and threshold", order=80, lede=lede, html=html)


def reasons(record: Mapping[str, Any]) -> list[str]:
    """Why a class, or all of them, is left as it is.

    >>> reasons({"reasons": {"": "validation has 9 cases"}})
    ['validation has 9 cases']
    """
    told = record.get("reasons")
    return [f"{name}: {why}" if name else str(why) for name, why in told.items()] if isinstance(told, dict) else []


def _record(view: RunView, key: str) -> Mapping[str, Any]:
    found = view.result.get(key)
    return found if isinstance(found, dict) else {}


def _series(view: RunView) -> list[Series]:
    """Before and after of one class; of several classes how each is after, where they can be told apart."""
    told = view.curves.get("reliability")
    named = {str(k): v for k, v in told.items() if isinstance(v, dict)} if isinstance(told, dict) else {}
    if {"before", "after"} & set(named):
        named = {"": named}
    if view.labels.positive in named:
        named = {str(view.labels.positive): named[str(view.labels.positive)]}
    if len(named) == 1:
        (pair,) = named.values()
        looks = {"before": ("var(--series-7)", "5 3"), "after": ("var(--series-0)", "")}
        return [_line(key, pair[key], *look, whiskers=key == "after") for key, look in looks.items() if _drawable(pair.get(key))]
    shown = [name for name, pair in named.items() if _drawable(pair.get("after"))][: len(PALETTE)]
    return [_line(name, named[name]["after"], view.colour(name), DASHES[i % len(DASHES)], whiskers=False) for i, name in enumerate(shown)]


def _drawable(points: object) -> bool:
    return isinstance(points, dict) and bool(points.get("x"))


def _line(name: str, points: Mapping[str, Any], colour: str, dash: str, *, whiskers: bool) -> Series:
    between = list(zip(points.get("low") or (), points.get("high") or (), strict=False)) if whiskers else []
    return Series(name=name, x=points["x"], y=points["y"], colour=colour, dash=dash, between=between)


def _correction(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The correction of the probabilities, and what it did to validation."""
    kind = str(record.get("kind") or "")
    if not kind:
        return []
    names = {"temperature": "one temperature", "platt": "Platt scaling, a class at a time", "identity": "none"}
    facts = [("Correction", names.get(kind, kind))]
    slope = record.get("slope") or ()
    if kind == "temperature" and slope:
        facts.append(("Temperature", words.number(1 / float(slope[0]))))
    if record.get("n"):
        facts.append(("Fitted on", words.count(int(record["n"]), "validation case")))
    before, after = record.get("before") or {}, record.get("after") or {}
    for key in before:
        if key in after and kind != "identity":
            name = words.metric_name(key, None)
            facts.append((f"{name} on validation", f"{words.number(before[key])} → {words.number(after[key])}"))
    return facts


def _decision(point: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a probability becomes an answer, and when the answer is withheld."""
    facts = []
    rule, wanted = str(point.get("rule") or ""), point.get("wanted")
    if rule:
        told = f"{rule} of at least {words.number(wanted, 2)}" if isinstance(wanted, int | float) else RULES.get(rule, rule)
        facts.append(("The answer is put by", told))
    if isinstance(point.get("error_wanted"), int | float) and isinstance(point.get("least_sure"), int | float):
        facts.append(("Withheld so that errors stay below", words.percent(point["error_wanted"])))
        facts.append(("Withheld on validation", words.percent(point.get("abstained") or 0.0)))
    return facts


def _threshold(record: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"label": "", "value": None, "sensitivity": None, "specificity": None, "n_with": 0, "n_without": 0}
    return {key: record.get(key, default) for key, default in empty.items()}


def _notes(fitted: Mapping[str, Any], point: Mapping[str, Any]) -> list[str]:
    # the note of the point names those of its thresholds, class by class
    told = [*reasons(fitted), str(point.get("note") or "")]
    return [sentence(text) for text in dict.fromkeys(told) if text]


def _at_threshold(view: RunView, point: Mapping[str, Any]) -> object:
    """The scores of the decisions; only those that a threshold changes."""
    if not point.get("thresholds"):
        return ""
    found = [s for s in scores_of(point) if s.metric in BY_DECISION]
    positive = point.get("positive")
    shown = [s for s in found if not positive or s.label in {"", positive}]
    return score_table(view, shown, rivals=False) if len(shown) <= 12 else ""


def _abstained(view: RunView) -> list[tuple[str, str]]:
    if not view.withheld:
        return []
    share = words.percent(view.withheld / len(view.predictions))
    return [(f"Withheld on “{view.evaluation}”", f"{words.count(view.withheld, 'case')} ({share})")]
