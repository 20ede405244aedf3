"""Splits and leaks: what the audit found between training, validation and test."""

from __future__ import annotations

from sagittal.report import words
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.tables import finding_list
from sagittal.report.thumbnails import thumbnails
from sagittal.report.view import RunView

PAGE = """
{% if rule %}{{ parts.facts(rule) }}{% endif %}
{{ findings }}
{% if not any %}<p>The audit has no finding.</p>{% endif %}
"""


def splits(view: RunView) -> Section | None:
    """Every finding of the audit, worst first; None for a run without an audit."""
    if not view.audit:
        return None
    found = list(view.audit.get("findings") or ())
    provenance = view.manifest.get("provenance")
    told = provenance if isinstance(provenance, dict) else {}
    names = {"group_rule": "Patients are told by", "split_rule": "Rule of the split", "dropped": "Left out of training"}
    rule = [(name, _plain(told[key])) for key, name in names.items() if told.get(key) and told[key] != "unknown"]
    rule = [(name, text) for name, text in rule if text]
    lede = f"Looked for: {words.looked_for(view.axes)}."
    html = fill(PAGE, rule=rule, findings=finding_list(found, picture=thumbnails(view.folder)), any=bool(found))
    return Section(title="Splits and leaks", order=30, lede=lede, html=html)


def _plain(value: object) -> str:
    """A rule in words, a list by its length; a split that was made here is told by a finding of its own."""
    if isinstance(value, dict):
        return str(value.get("by") or "") if not value.get("made") else ""
    return words.count(len(value), "case") if isinstance(value, list) else str(value)
