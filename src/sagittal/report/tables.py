"""Tables that more than one page shows: counts by class and split, and findings with their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from sagittal.report import words
from sagittal.report.flags import RANK, Flag, finding_title, sentence, severity_of
from sagittal.report.page import fill

SPLITS = ("train", "val", "test")
MOST_ITEMS = 12
MOST_DRAWN = 6

COUNTS = """
<div class="scroll"><table class="counts">
<thead><tr><th>Class</th>
{% for split in splits %}<th class="num">{{ split }}</th>{% endfor %}
{% if splits | length > 1 %}<th class="num">all</th>{% endif %}
<th>share</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row" class="name">{{ row.name }}{% if row.name == positive %}<span class="positive">positive</span>{% endif %}</th>
{% for n in row.counts %}<td class="num">{% if n %}{{ n | count }}{% else %}<b>0</b>{% endif %}</td>{% endfor %}
{% if splits | length > 1 %}<td class="num">{{ row.total | count }}</td>{% endif %}
<td class="bar">{{ meter(row.total / most, colour=row.colour) }}</td></tr>
{% endfor %}
</tbody>
{% if rows | length > 1 %}
<tfoot><tr><th scope="row">all</th>
{% for n in totals %}<td class="num">{{ n | count }}</td>{% endfor %}
{% if splits | length > 1 %}<td class="num">{{ totals | sum | count }}</td>{% endif %}
<td></td></tr></tfoot>
{% endif %}
</table></div>
"""

FINDINGS = """
{% for finding in findings %}
<div class="finding">
{{ parts.flag(finding.flag) }}
{% if finding.drawn %}<div class="pairs">
{% for pair in finding.drawn %}<figure><div class="pair">{% for face in pair.faces %}<img src="{{ face }}" alt="">{% endfor %}</div>
<figcaption>{{ pair.text }}</figcaption></figure>
{% endfor %}</div>{% endif %}
{% if finding.lines %}
<details{% if finding.n <= 4 %} open{% endif %}><summary>{{ finding.n | count(finding.noun) }}</summary>
<ul class="items">{% for line in finding.lines %}<li><code>{{ line }}</code></li>{% endfor %}</ul>
{% if finding.n > finding.lines | length %}
<p class="small">and {{ (finding.n - finding.lines | length) | count }} more in audit.json</p>
{% endif %}
</details>
{% endif %}
</div>
{% endfor %}
"""


def count_table(counts: Mapping[str, Mapping[str, int]], *, colour: Callable[[str], str], positive: str | None = None) -> Markup:
    """Classes down, splits across, with bars; a class that a split lacks shows a bold zero.

    Args:
        counts: ``{split: {class: n}}``.
        colour: The CSS colour of a class.
        positive: The class to be marked, if any.
    """
    splits = [s for s in SPLITS if s in counts] + sorted(s for s in counts if s not in SPLITS)
    classes = list(dict.fromkeys(name for split in splits for name in counts[split]))
    rows: list[dict[str, Any]] = []
    for name in classes:
        numbers = [int(counts[split].get(name, 0)) for split in splits]
        rows.append({"name": name, "counts": numbers, "total": sum(numbers), "colour": colour(name)})
    totals = [sum(int(v) for v in counts[split].values()) for split in splits]
    most = max((row["total"] for row in rows), default=1) or 1
    shown = [split or "no split" for split in splits]
    return fill(COUNTS, splits=shown, rows=rows, totals=totals, most=most, positive=positive)


def groups_told(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Whose the cases are, as facts.

    >>> groups_told({"groups": {"known": False}})
    [('Patients', 'not known')]
    """
    groups = record.get("groups")
    if not isinstance(groups, Mapping):
        return []
    if not groups.get("known"):
        return [("Patients", "not known")]
    n = groups.get("n")
    told = words.listed([f"{int(v):,} {k}" for k, v in n.items()]) if isinstance(n, Mapping) else str(n or "known")
    return [("Patients from", str(groups.get("rule") or "a column")), ("Patients", told)]


def finding_list(findings: Sequence[Mapping[str, Any]], *, picture: Callable[[str], str | None] | None = None) -> Markup:
    """Findings worst first, each with its items; pairs are shown as pictures where these can be had.

    Args:
        findings: As in audit.json: ``code``, ``severity``, ``items``, ``n``, ``what``, ``remedy`` and, for pairs of
            cases, ``pairs`` of both ids and how they are alike.
        picture: From the id of a case to a ``data:`` address, or to None where there is no picture.
    """
    ordered = sorted(findings, key=lambda f: RANK[severity_of(f)])
    return fill(FINDINGS, findings=[_finding(f, picture) for f in ordered])


def _finding(finding: Mapping[str, Any], picture: Callable[[str], str | None] | None) -> dict[str, object]:
    pairs = [[str(v) for v in pair] for pair in finding.get("pairs") or ()]
    lines = [_pair_text(pair) for pair in pairs] or [str(item) for item in finding.get("items") or ()]
    if all(line.lower() in str(finding.get("what", "")).lower() for line in lines):
        lines = []
    n = len(pairs) or max(int(finding.get("n") or 0), len(lines))
    what, remedy = str(finding.get("what", "")), str(finding.get("remedy", ""))
    flag = Flag(
        severity=severity_of(finding), title=finding_title(str(finding.get("code", ""))), text=sentence(what), remedy=sentence(remedy)
    )
    drawn = _drawn(pairs, picture) if picture is not None else []
    return {"flag": flag, "lines": lines[:MOST_ITEMS], "n": n, "noun": "pair" if pairs else "item", "drawn": drawn}


def _pair_text(pair: Sequence[str]) -> str:
    """``a ↔ b (how they are alike)``."""
    return " ↔ ".join(pair[:2]) + (f" ({pair[2]})" if len(pair) > 2 and pair[2] else "")


def _drawn(pairs: Sequence[Sequence[str]], picture: Callable[[str], str | None]) -> list[dict[str, object]]:
    """The first pairs of which both pictures can be had."""
    drawn: list[dict[str, object]] = []
    for pair in pairs[: 4 * MOST_DRAWN]:
        faces = [picture(name) for name in pair[:2]]
        if all(faces):
            drawn.append({"text": _pair_text(pair), "faces": faces})
        if len(drawn) == MOST_DRAWN:
            break
    return drawn
