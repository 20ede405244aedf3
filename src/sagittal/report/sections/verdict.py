"""Verdict: what was asked, how well it is answered, and what speaks against it, in three sentences."""

from __future__ import annotations

from markupsafe import Markup

from sagittal.core.score import Score
from sagittal.report import figures, words
from sagittal.report.flags import CROSSING, Flag, flags, headlines, severity_of, unmended
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
<p class="verdict">{% for sentence in sentences %}{{ sentence }} {% endfor %}</p>
{% if heads %}
<div class="heads">
{% for head in heads %}
  <div class="head">
    <p class="head-name">{{ head.name }}</p>
    <p class="head-value">{{ head.score | value }}
    <small>{% if head.unit %}{{ head.unit }}, {% endif %}{{ head.score | interval }}</small></p>
    {{ strip(head.score, head.axis, baseline=head.baseline) }}
    <p class="scale"><span>{{ head.axis.low | short }}</span>
    {% if head.rival %}<span>{{ head.rival }}</span>{% endif %}<span>{{ head.end }}</span></p>
  </div>
{% endfor %}
</div>
{% endif %}
{% for item in flags %}
{{ parts.flag(item) }}
{% endfor %}
"""


def verdict(view: RunView) -> Section | None:
    """Page one; None for a run that was not evaluated."""
    if not view.result:
        return None
    cautions = flags(view)
    heads = [_head(view, score) for score in headlines(view) if score.value is not None]
    sentences = [s for s in (_how_well(view), _against_what(view), _what_against(view, cautions)) if s]
    return Section(title="Verdict", order=10, html=fill(PAGE, sentences=sentences, heads=heads, flags=cautions))


def _how_well(view: RunView) -> Markup:
    """On how many cases of how many patients, and the headline scores with their intervals."""
    n = int(view.result.get("n") or len(view.predictions))
    who = _patients(view)
    said = [_told(view, score) for score in headlines(view)]
    if not said:
        return fill("On <b>{{ n | count('case') }}</b>{{ who }} no score could be computed.", n=n, who=who)
    kept = " that it never saw in training" if _kept_apart(view) else ""
    if kept and view.result.get("cross_validation"):
        kept = ", each answered by a model that had not seen its patient"
    middle = Markup(" and ").join(said)
    return fill("On <b>{{ n | count('case') }}</b>{{ who }}{{ kept }}, the model reaches {{ said }}.", n=n, who=who, kept=kept, said=middle)


def _kept_apart(view: RunView) -> bool:
    """Whether the audit vouches for the split: it looked, patients are known, and nothing crosses."""
    groups = view.audit.get("groups")
    known = isinstance(groups, dict) and bool(groups.get("known"))
    found = {f.get("code") for f in unmended(view) if severity_of(f) != "note"}
    return known and view.evaluation in {"test", "folds"} and not CROSSING & found


def _told(view: RunView, score: Score) -> Markup:
    metric = words.in_sentence(score.metric, view.axes)
    name = metric + (f" for {score.label}" if score.label else "")
    if score.value is None:
        return fill("no {{ name }} ({{ why }})", name=name, why=score.undefined)
    told = {"article": _article(metric), "name": name, "value": words.with_unit(words.value_of(score), score.unit)}
    shown = fill("{{ article }}{{ name }} of <b>{{ value }}</b>", **told)
    between = words.interval(score)
    shown += fill(" <span class='interval'>(95\u202f% interval {{ between }})</span>", between=between) if between else ""
    # a drawn class has no overlap where it is not there
    if score.metric == "dice" and score.n < int(view.result.get("n") or 0):
        shown += fill(", over {{ n | count('case') }} that {{ has }} it", n=score.n, has="has" if score.n == 1 else "have")
    return shown


def _against_what(view: RunView) -> Markup:
    """The best model that does not look, and the class that is answered worst."""
    said = []
    for score in headlines(view)[-1:]:
        base = view.best_baseline(score.metric, score.label)
        if base is not None:
            text = "a model that does not look ({{ name }}) reaches {{ article }}{{ metric }} of {{ value }}"
            value = words.with_unit(words.number(base[1].value), score.unit)
            name = words.in_sentence(score.metric, view.axes)
            said.append(fill(text, name=base[0], article=_article(name), metric=name, value=value))
    weakest = _weakest(view)
    if weakest is not None:
        text = "the weakest class is {{ s.label }}, with a {{ s.metric | in_sentence(axes) }} of <b>{{ s | value }}</b>"
        tail = "{% if s | interval %} <span class='interval'>({{ s | interval }})</span>{% endif %} on {{ s.n | count('case') }}"
        said.append(fill(text + tail, s=weakest, axes=view.axes))
    if not said:
        return Markup("")
    joined = Markup("; ").join(said)
    return joined[:1].upper() + joined[1:] + "."


def _weakest(view: RunView) -> Score | None:
    """The class found or drawn worst; None for two classes or fewer, where page one says it all."""
    for metric in ("sensitivity", "dice", "average_precision"):
        scores = [s for s in view.scores if s.metric == metric and s.label and s.value is not None]
        if len(scores) > 2 or (metric == "dice" and len(scores) > 1):
            return min(scores, key=lambda s: s.value or 0.0)
    return None


def _what_against(view: RunView, cautions: list[Flag]) -> Markup:
    grave = [c for c in cautions if c.severity == "block"]
    mild = [c for c in cautions if c.severity == "warn"]
    if grave:
        titles = words.listed([_lower(t) for t in dict.fromkeys(c.title for c in grave)], most=2)
        return fill("<b class='never'>Do not rely on this:</b> {{ titles }}.", titles=titles)
    if mild:
        titles = words.listed([_lower(t) for t in dict.fromkeys(c.title for c in mild)], most=2)
        return fill("Hold against it: {{ titles }}.", titles=titles)
    return fill("{{ text }}", text=_nothing_found(view))


def _nothing_found(view: RunView) -> str:
    """What was looked for and not found; only what the audit and the scores really say."""
    if not view.audit:
        return ""
    codes = {f.get("code") for f in unmended(view) if severity_of(f) != "note"}
    looked = [
        ("GROUP_LEAK", "no patient on both sides of a split"),
        ("DUPLICATE", words.grid(view.axes).said("no {whole} of the test in training")),
    ]
    clear = [text for code, text in looked if code not in codes]
    once = "; the test was scored once" if view.result.get("touched") == 1 else ""
    return f"The audit found {words.listed(clear)}{once}." if clear else ""


def _patients(view: RunView) -> str:
    groups = {row.get("group") for row in view.predictions} - {"", None}
    return f" of {words.count(len(groups), 'patient')}" if groups else ""


def _head(view: RunView, score: Score) -> dict[str, object]:
    base = view.best_baseline(score.metric, score.label)
    baseline = base[1].value if base else None
    rival = f"grey: {base[0]}, {words.number(baseline)}" if base else ""
    name = words.metric_name(score.metric, view.axes) + (f", {score.label}" if score.label else "")
    axis = figures.score_axis([score], [baseline])
    unit = "" if score.unit in {"", "1"} else score.unit
    return {"name": name, "score": score, "axis": axis, "end": f"{axis.high:.3g}", "baseline": baseline, "rival": rival, "unit": unit}


def _article(name: str) -> str:
    return "an " if name[0] in "aeiouAEIOU" or name.startswith(("R\u00b2", "RMSE", "F1", "MCC")) else "a "


def _lower(title: str) -> str:
    """A title inside a sentence; a code that stays in capitals is left alone."""
    return title[:1].lower() + title[1:]
