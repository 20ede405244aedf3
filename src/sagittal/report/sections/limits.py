"""Limits: what the model is for, and what this report cannot tell."""

from __future__ import annotations

from sagittal.report import words
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

PAGE = """
<p><b>Intended use.</b> {{ use }}</p>
<p><b>Not a medical device.</b> It must not be used to diagnose or treat. No authority has examined it.</p>
<p><b>What this report cannot tell:</b></p>
<ul class="limits">{% for text in limits %}<li>{{ text }}</li>{% endfor %}</ul>
"""


def limits(view: RunView) -> Section:
    """Intended use as it was stated, else that it was not; then the limits that follow from the run itself."""
    stated = view.plan.get("intended_use") or view.recipe.get("intended_use") or view.environment.get("intended_use")
    use = str(stated) if stated else "It was not stated. Read this as research: a model for data like those it was trained on."
    return Section(title="Limits and intended use", order=150, html=fill(PAGE, use=use, limits=_limits(view)))


def _limits(view: RunView) -> list[str]:
    found = []
    outside = [n for n in view.evaluations if n not in {"train", "val", "test", "folds"}]
    if not outside:
        found.append("How it does on data from another hospital, scanner or time: all cases come from one data set.")
    if not view.result.get("subgroups"):
        found.append("Whether it is as good for every age, sex, site or scanner: the manifest has no such columns.")
    groups = view.audit.get("groups")
    if not isinstance(groups, dict) or not groups.get("known"):
        found.append("Whether patients were kept apart: it is not known whose the cases are.")
    classes = view.labels.classes
    if view.confusion and classes:
        found.append(f"What it does with anything that is not {_either(list(classes))}: it will answer one of these all the same.")
    calibration = view.result.get("calibration")
    if isinstance(calibration, dict) and isinstance(calibration.get("n"), int) and calibration["n"] < 200:
        found.append(f"Much about its probabilities: they were calibrated on {words.count(calibration['n'], 'case')}.")
    told = view.result.get("patient_scores") or any(level.get("level") == "patient" for level in view.result.get("levels") or ())
    owners = [row.get("group") for row in view.predictions]
    if not told and len(set(owners)) < len(owners) and isinstance(groups, dict) and groups.get("known"):
        found.append("How it does a patient at a time: the scores count each case.")
    found.append("Whether the truth is true: labels were taken as given.")
    return found


def _either(names: list[str]) -> str:
    text = words.listed(names)
    return text.replace(" and ", " or ") if len(names) <= 7 else f"one of its {len(names)} classes"
