"""The model card: what a person should know before using a package, made from the run's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagittal.engine.infer import Predictor
from sagittal.engine.run import Run
from sagittal.errors import one_line

NOTICE = "**Not a medical device.** For research. No answer of it may decide on a patient by itself."
PER_CLASS = frozenset({"sensitivity", "specificity", "ppv", "auc", "dice", "nsd", "hd95", "assd"})
"""Metrics whose classes are listed; of the others only the number over all classes is."""


def card(run: Run, predictor: Predictor, *, intended_use: str) -> str:
    """Markdown: what it is, its data, scores with intervals, how to read its answers, limits."""
    return "\n".join(
        [
            f"# {_text(run.name)}",
            "",
            NOTICE,
            "",
            *_what(run, predictor),
            "## Intended use",
            "",
            intended_use,
            "",
            *_data(run),
            *_scores(run),
            *_reading(predictor),
            *_limits(run),
        ]
    )


def _what(run: Run, predictor: Predictor) -> list[str]:
    plan = predictor.plan
    options = ", ".join(f"{k} {v}" for k, v in plan.model.options.items())
    parameters = sum(p.numel() for m in predictor.members for p in m.parameters())
    together = f", {plan.members} of them answering together" if plan.members > 1 else ""
    lines = [
        f"- Task: {plan.task}, {_unit(plan.unit, plan.labels.classes)}",
        f"- Network: {plan.model.name}{f' ({_text(options)})' if options else ''}{together}; {parameters:,} parameters",
        f"- Input: {_input(predictor)}",
        f"- Starting weights: {_text(plan.pretrained or 'none, trained from scratch')}",
    ]
    if run.has("training.json"):
        training = run.read("training.json")
        lines.append(f"- Training: {training.get('epochs')} epochs; {_text(str(training.get('ended')))}")
    return ["## What it is", "", *lines, ""]


def _unit(unit: str, classes: Sequence[str]) -> str:
    listed = ", ".join(_text(c) for c in classes[:12]) + (f" and {len(classes) - 12} more" if len(classes) > 12 else "")
    return f"one answer a {unit}: {listed}"


def _input(predictor: Predictor) -> str:
    p = predictor.plan.preparation
    if p.axes == 0:
        names = ", ".join(_text(n) for n in p.names[:12])
        return f"a table row with the {len(p.names)} columns {names}{' ...' if len(p.names) > 12 else ''}"
    kind = {2: "a picture", 3: "a volume"}.get(p.axes, "a grid")
    size = " x ".join(map(str, p.size)) if p.size is not None else "its own size"
    if p.spacing is not None:
        size = "a spacing of " + " x ".join(f"{s:g}" for s in p.spacing)
    return f"{kind}, {p.count} channel(s) ({p.channels}), brought to {size} ({p.fit})"


def _data(run: Run) -> list[str]:
    if not run.has("manifest.csv"):
        return ["## Data", "", "The run has no manifest.", ""]
    manifest = run.manifest()
    counts = manifest.counts()
    names = list(manifest.strata_names())
    lines = [_row(["split", "cases", "patients", *names]), _row(["---"] * (3 + len(names)))]
    for split, row in counts.items():
        cases = [c for c in manifest.cases if c.split == split]
        owners = len({c.group for c in cases if c.group})
        lines.append(_row([split or "none", str(len(cases)), str(owners) if owners else "not known", *(str(row.get(n, 0)) for n in names)]))
    return ["## Data", "", *lines, "", f"SHA-256 of the manifest: `{manifest.digest}`", ""]


def _scores(run: Run) -> list[str]:
    if not run.has("evaluation/test/scores.json"):
        return ["## Scores", "", "**It has not been evaluated on a test split.**", ""]
    record = run.read("evaluation/test/scores.json")
    trivial = _trivial(record)
    lines = [_row(["metric", "class", "value", "95 % interval", "n", "trivial"]), _row(["---"] * 6)]
    for score in record.get("scores", []):
        if score.get("class") and score["metric"] not in PER_CLASS:
            continue
        key = (score["metric"], score.get("class", ""))
        interval = f"{_number(score['low'])} to {_number(score['high'])}" if score.get("low") is not None else "none"
        value = _number(score["value"]) if score.get("value") is not None else f"undefined: {score.get('undefined')}"
        lines.append(_row([score["metric"], score.get("class") or "all", value, interval, str(score.get("n")), trivial.get(key, "")]))
    looks = record.get("touched")
    touched = f" The test split was looked at {looks} time(s)." if looks else ""
    return ["## Scores on the test split", "", *lines, "", f"Trivial: the best of the baselines that never look at a case.{touched}", ""]


def _trivial(record: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The best baseline's value by metric and class."""
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for baseline in record.get("baselines", []):
        for score in baseline.get("scores", []):
            if score.get("value") is not None:
                key = (score["metric"], score.get("class", ""))
                goodness = score["value"] if score.get("higher_is_better", True) else -score["value"]
                best[key] = max(best.get(key, (-float("inf"), 0.0)), (goodness, score["value"]))
    return {key: _number(value) for key, (_, value) in best.items()}


def _reading(predictor: Predictor) -> list[str]:
    if predictor.postprocessing is not None:
        lines = [f"- Its label maps are tidied: {_text(line)}." for line in predictor.postprocessing.sentences]
        lines = lines or ["- Its label maps are left as the network draws them: validation did not show that tidying helps."]
        return ["## How to read its answers", "", *lines, ""]
    if not predictor.task.calibrated:
        return []
    lines = ["## How to read its answers", ""]
    found = predictor.calibration
    if found is None or found.kind == "identity":
        why = (found.reasons or {}).get("", "") if found is not None else "there was no validation split"
        lines.append(f"- Its probabilities are not calibrated: {_text(why)}.")
    else:
        lines.append(f"- Its probabilities are calibrated ({found.kind}) on {found.n} validation cases.")
    point = predictor.operating
    if point is not None and point.threshold is not None:
        rule = f"{point.rule} {point.wanted:g}" if point.wanted is not None else point.rule
        lines.append(f"- Operating point: {_text(point.positive or '')} from p = {point.threshold:.4f} on ({rule}, on validation).")
    if point is not None and point.least_sure is not None and point.error_wanted is not None:
        lines.append(
            f"- It abstains below a sureness of {point.least_sure:.4f}, for an error of at most {point.error_wanted:g} among the rest."
        )
    if point is not None and point.note:
        lines.append(f"- {_text(point.note)}.")
    return [*lines, ""]


def _limits(run: Run) -> list[str]:
    lines = [
        "- How it does on data from another hospital, scanner or time is not known unless it was evaluated there.",
        "- It answers anything it is given, also what none of its classes is.",
        "- The labels it learned from were taken as given.",
    ]
    if run.has("manifest.csv") and not any(c.group for c in run.manifest().cases):
        lines.append("- Whose the cases are is not known, so patients may stand in training and test.")
    return ["## Limits", "", *lines, ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_text(c) for c in cells) + " |"


def _text(text: str) -> str:
    """A name from the data inside a line of Markdown: it cannot break a table or become a tag."""
    plain = "".join(c for c in one_line(text) if c.isprintable())
    return plain.replace("|", "\\|").replace("<", "&lt;")


def _number(value: float) -> str:
    return f"{value:.3f}"
