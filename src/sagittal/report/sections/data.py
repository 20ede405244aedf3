"""Data: how many cases of each class stand in each split, and what the files are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sagittal.report import describe, doctor, words
from sagittal.report.flags import sentence
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.stains import stains
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
    files += [doctor.lie(view.audit), doctor.hold(view.audit), doctor.drawn(view.audit, colour=view.colour), stains(view.audit)]
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
    found = view.audit.get("fingerprint")
    facts += _files(found) if isinstance(found, dict) else []
    if view.labels.positive:
        facts.append(("Positive class", view.labels.positive))
    return facts


def _files(fingerprint: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Format, channels, values and spacing of the training files."""
    facts = []
    for key, name in (("formats", "Files"), ("dtypes", "Stored as")):
        kinds = [k for k in fingerprint.get(key) or () if k]
        if kinds:
            facts.append((name, words.listed(kinds)))
    channels, grey = fingerprint.get("channels"), fingerprint.get("grey")
    if isinstance(channels, list) and len(channels) <= 4:
        told = ", ".join(map(str, channels))
        facts.append(("Channels", f"{told}; really grey in {words.percent(grey)}" if isinstance(grey, float) and grey > 0 else told))
    spacing, unit = fingerprint.get("spacing"), str(fingerprint.get("unit") or "")
    if isinstance(spacing, list) and spacing and unit in {"mm", "um"}:
        facts.append(("Commonest spacing", words.with_unit(" \u00d7 ".join(words.short(v) for v in spacing), unit)))
    ends = fingerprint.get("range")
    if isinstance(ends, list) and len(ends) == 2 and fingerprint.get("axes"):
        facts.append(("Values", f"{words.short(ends[0])} to {words.short(ends[1])}"))
    return facts
