"""Data: how many cases of each class stand in each split, and what the files are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sagittal.report import describe
from sagittal.report.flags import sentence
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.tables import count_table, groups_told
from sagittal.report.view import RunView

PAGE = """
{{ table }}
{% if facts %}{{ parts.facts(facts) }}{% endif %}
{% for part in files %}{{ part }}{% endfor %}
"""


def data(view: RunView) -> Section | None:
    """Counts, whose the cases are, and where they come from; None where neither audit nor manifest is there."""
    counts = view.audit.get("counts") or _counted(view)
    if not counts:
        return None
    table = count_table(counts, colour=view.colour, positive=view.labels.positive)
    files = [describe.sizes(view.audit, colour=view.colour), describe.histograms(view.audit, colour=view.colour)]
    html = fill(PAGE, table=table, facts=_facts(view), files=files)
    lede = sentence(str(view.audit.get("sentence") or ""))
    return Section(title="Data", order=20, lede=lede, html=html)


def _counted(view: RunView) -> Mapping[str, Mapping[str, int]]:
    """Counts from the manifest where the audit keeps none; a case of several findings counts for each."""
    counts: dict[str, Counter[str]] = {}
    for row in view.cases:
        label = row.get("label") or ""
        for name in label.split(";"):
            counts.setdefault(row.get("split") or "all", Counter())[name.strip() if name in view.labels.classes else "cases"] += 1
    return counts


def _facts(view: RunView) -> list[tuple[str, str]]:
    facts = groups_told(view.audit)
    fingerprint = view.audit.get("fingerprint")
    for key, name in (("sizes", "Sizes"), ("channels", "Channels"), ("dtype", "Values"), ("spacing", "Spacing")):
        value = fingerprint.get(key) if isinstance(fingerprint, dict) else None
        if value is not None and not isinstance(value, dict):
            facts.append((name, ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)))
    if view.labels.positive:
        facts.append(("Positive class", view.labels.positive))
    return facts
