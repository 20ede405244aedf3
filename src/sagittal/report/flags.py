"""What speaks against the numbers of a run, worst first; page one and the limits both say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sagittal.core.score import Score
from sagittal.report.view import RunView
from sagittal.report.words import HEADLINES, count, in_sentence, interval, listed, metric_name, number, percent

Severity = Literal["block", "warn", "note"]
RANK: Mapping[str, int] = {"block": 0, "warn": 1, "note": 2}
TITLES: Mapping[str, str] = {
    "GROUP_LEAK": "A patient is on both sides of a split",
    "GROUP_LEAK_VAL": "A patient is in training and in validation",
    "GROUP_LEAK_DROPPED": "Cases of shared patients were left out",
    "DUPLICATE": "The same picture is on both sides of a split",
    "DUPLICATE_VAL": "The same picture is in training and in validation",
    "DUPLICATE_WITHIN": "The same picture more than once in a split",
    "DUPLICATE_DROPPED": "Copies were left out",
    "NEAR_DUPLICATE": "Nearly the same picture in different splits",
    "NEAR_DUPLICATE_WITHIN": "Nearly the same picture in a split",
    "LABEL_CONFLICT": "Copies with different labels",
    "SAME_SOURCE": "Pictures of one source in different splits",
    "MISSING_CLASS": "A class is missing",
    "UNREADABLE": "Files that cannot be read",
    "NO_GROUP": "No patient is known",
    "SOME_NO_GROUP": "Of some cases the patient is not known",
    "NO_LABEL": "Cases without a label",
    "STRAY_PICTURES": "Pictures outside the class folders",
    "BLANK": "Pictures of one value throughout",
    "MIXED_DEPTH": "Pictures of bytes among others",
    "EMPTY_MASK": "Cases on which nothing is drawn",
    "AMBIGUOUS_OUTLINES": "Outlines can be told apart in several ways",
    "STAINS_DIFFER": "Tissue is stained differently elsewhere",
    "NO_MPP": "Slides that do not say how large a pixel is",
    "SMALL_SPLIT": "A small split",
    "SHORTCUT": "Format and size alone tell the class",
    "MODALITY_GRID": "Modalities on different grids",
    "LABEL_GRID": "Label maps that do not lie on their image",
    "LABEL_VALUES": "Numbers in label maps that stand for no class",
    "LABEL_OUTSIDE": "Labels where the image is blank",
    "BORDERS_ASIDE": "Borders drawn to one side",
    "NOT_FINITE": "Samples that are no number",
    "CONSTANT_CHANNEL": "A modality of one value throughout",
    "ABSURD_SPACING": "Voxels of an absurd size",
    "ODD_SPACING": "Voxels of quite another size than the others",
    "NO_ORIENTATION": "Files that do not say how they lie",
    "ORIENTATIONS": "Different orientations",
    "SAME_MODALITY": "One volume under two names",
    "MODALITY_SWAPPED": "Modalities that look exchanged",
    "MODALITY_STRANGE": "Modalities that do not belong together",
    "INTENSITY_SCALE": "Intensities on another scale",
    "NOT_HU": "CT that is not in Hounsfield units",
    "SPLIT_MADE": "The split was made here",
}
CROSSING = frozenset({"GROUP_LEAK", "DUPLICATE", "NEAR_DUPLICATE", "SAME_SOURCE"})
"""Findings after which it cannot be said that the model never saw a test case's patient or picture."""
MANY_WITHHELD = 0.2
"""From this share on page one says how many answers are withheld."""
FEW_CASES = 30
"""Below this many cases a class's interval is wider than most differences of interest (Wilson: ±.18 at .5)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """A caution: how bad, what, and what to do.

    >>> Flag(severity="note", title="Few cases", text="12 of B.").remedy
    ''
    """

    severity: Severity
    title: str
    text: str
    remedy: str = ""


def flags(view: RunView) -> list[Flag]:
    """Everything that a reader should hold against the numbers, worst first."""
    checks: tuple[Callable[[RunView], Iterable[Flag]], ...] = (
        _audit,
        _groups,
        _touched,
        _validation,
        _chance,
        _shift,
        _attention,
        _few,
        _calibration,
        _withheld,
        _folds,
        _undefined,
    )
    found = [flag for check in checks for flag in check(view)]
    return sorted(found, key=lambda f: RANK[f.severity])


def headlines(view: RunView) -> list[Score]:
    """The one or two scores that speak for the run."""
    named = view.result.get("headline")
    order = [named] if isinstance(named, str) else list(named or ())
    found = (view.find(str(metric)) for metric in [*order, *HEADLINES])
    kept: dict[str, Score] = {}
    for score in found:
        if score is not None:
            kept.setdefault(score.metric, score)
    valued = [s for s in kept.values() if s.value is not None]
    return (valued or list(kept.values()))[:2]


def severity_of(record: Mapping[str, object]) -> Severity:
    """The severity of a finding as it was written; an unknown word is a warning."""
    said = record.get("severity")
    return "block" if said == "block" else "note" if said == "note" else "warn"


def finding_title(code: str) -> str:
    """A finding's code in words.

    >>> finding_title("GROUP_LEAK"), finding_title("ODD_THING")
    ('A patient is on both sides of a split', 'Odd thing')
    """
    return TITLES.get(code, code.replace("_", " ").capitalize())


def unmended(view: RunView) -> list[Mapping[str, object]]:
    """The findings of the audit without those that dropping cases has mended (``GROUP_LEAK`` by ``GROUP_LEAK_DROPPED``)."""
    found = list(view.audit.get("findings") or ())
    codes = {str(f.get("code")) for f in found}
    return [f for f in found if f"{str(f.get('code')).removesuffix('_VAL')}_DROPPED" not in codes]


def _audit(view: RunView) -> Iterator[Flag]:
    if not view.audit:
        text = "This run keeps no audit of its data, so leaks between patients and duplicates cannot be excluded."
        yield Flag(severity="warn", title="The data were not audited", text=text, remedy="Run sagittal audit on the data.")
    for finding in unmended(view):
        code, severity = str(finding.get("code", "")), severity_of(finding)
        if code == "NO_GROUP" or severity == "note":
            continue
        what, remedy = sentence(str(finding.get("what", ""))), sentence(str(finding.get("remedy", "")))
        if code == "UNREADABLE" or code.endswith("_DROPPED"):
            # a run that went on has left them out: worth a word, no longer a danger
            severity, remedy = "note", ""
        yield Flag(severity=severity, title=finding_title(code), text=what, remedy=remedy)


def _groups(view: RunView) -> Iterator[Flag]:
    groups = view.audit.get("groups")
    if isinstance(groups, dict) and not groups.get("known"):
        text = "The split could not keep patients apart. If a patient has several images, these numbers are too good."
        yield Flag(severity="warn", title="No patient is known", text=text, remedy="Name the column or the file-name pattern: data.group.")


def _validation(view: RunView) -> Iterator[Flag]:
    if view.result.get("split") == "val":
        text = "No case was kept for a test: the threshold, the calibration and perhaps the epoch were chosen on these very cases."
        yield Flag(severity="warn", title="Scored on validation", text=text, remedy="Evaluate on other data before quoting a number.")


def _touched(view: RunView) -> Iterator[Flag]:
    touched = view.result.get("touched")
    if isinstance(touched, int) and touched > 1:
        text = f"The {view.evaluation} cases were scored {touched} times. Each look lets choices drift towards them."
        yield Flag(severity="warn", title="The test was looked at more than once", text=text, remedy="Trust a new data set more.")


def _chance(view: RunView) -> Iterator[Flag]:
    """Scores of page one that a model that does not look could have reached."""
    told = []
    for score in headlines(view):
        base = view.best_baseline(score.metric, score.label)
        if base is None or score.value is None or base[1].value is None:
            continue
        worse_end = score.low if score.higher_is_better else score.high
        edge = worse_end if worse_end is not None else score.value
        if (edge - base[1].value) * (1 if score.higher_is_better else -1) <= 0:
            value, rival = f"{number(score.value)} ({interval(score) or 'no interval'})", number(base[1].value)
            told.append(f"{_capital(in_sentence(score.metric, view.axes))} is {value}; “{base[0]}” reaches {rival} without looking.")
    if told:
        yield Flag(severity="block", title="Not shown to be better than guessing", text=" ".join(told))


def _shift(view: RunView) -> Iterator[Flag]:
    """Differences between the data that the model knows and what was scored, here and in the other evaluations."""
    for finding in view.result.get("shift") or ():
        what, remedy = sentence(str(finding.get("what", ""))), sentence(str(finding.get("remedy") or ""))
        yield Flag(severity=severity_of(finding), title="The data differ from those of training", text=what, remedy=remedy)
    for name in view.evaluations:
        loud = [f for f in view.result_of(name).get("shift") or () if severity_of(f) == "warn"]
        if loud and name != view.evaluation:
            what, remedy = sentence(str(loud[0].get("what", ""))), sentence(str(loud[0].get("remedy") or ""))
            yield Flag(severity="warn", title=f"On “{name}” it is another matter", text=what, remedy=remedy)


def _attention(view: RunView) -> Iterator[Flag]:
    border = view.explanation.get("border_attention")
    mean, share = (border.get(key) for key in ("mean", "share")) if isinstance(border, dict) else (None, None)
    if isinstance(mean, int | float) and isinstance(share, int | float) and mean > 1.1 * share:
        text = f"{percent(mean)} of what speaks for the answers lies in the outer tenth of the pictures, {percent(share)} of the area."
        yield Flag(severity="warn", title="The network looks at the border", text=text, remedy="Look for marks, rulers or padding there.")


def _few(view: RunView) -> Iterator[Flag]:
    few = [f"{name} ({n:,})" for name, n in view.truths.items() if n < FEW_CASES]
    if few:
        text = f"Fewer than {FEW_CASES} {view.evaluation} cases of {listed(few)}. Read these scores by their intervals."
        yield Flag(severity="note", title="Few cases of a class", text=text)


def _calibration(view: RunView) -> Iterator[Flag]:
    calibration = view.result.get("calibration")
    if isinstance(calibration, dict) and calibration.get("kind") == "identity":
        told = calibration.get("reasons")
        reasons = [str(why) for why in told.values()] if isinstance(told, dict) else []
        text = sentence("; ".join(dict.fromkeys(reasons))) or "They stand as the network gives them."
        yield Flag(severity="note", title="The probabilities are not calibrated", text=text)


def _withheld(view: RunView) -> Iterator[Flag]:
    n, total = view.withheld, len(view.predictions)
    if total and n > MANY_WITHHELD * total:
        text = f"{count(n)} of {count(total, 'answer')} ({percent(n / total)}) lie in the band in which the model should not decide"
        yield Flag(severity="note", title="Many answers are withheld", text=f"{text}; the scores count them all the same.")


def _folds(view: RunView) -> Iterator[Flag]:
    told = view.result.get("cross_validation")
    if isinstance(told, dict):
        text = f"The scores are pooled over {told.get('folds')} folds"
        repeats = told.get("repeats")
        text += f", {repeats} times over" if isinstance(repeats, int) and repeats > 1 else ""
        text += ": they tell how good this way of training is. The model that is kept has seen every case."
        yield Flag(severity="note", title="Cross-validated", text=text)


def _undefined(view: RunView) -> Iterator[Flag]:
    # with few classes there is no k to ask for: that says nothing of the model
    missing = [s for s in view.scores if s.value is None and s.metric != "top_k"]
    if missing:
        names = dict.fromkeys(f"{metric_name(s.metric, view.axes)}{f' of {s.label}' if s.label else ''}" for s in missing)
        text = f"{_capital(listed(list(names), most=4))}. The table says why; they count in no mean."
        yield Flag(severity="note", title=f"{count(len(missing), 'score')} without a value", text=text)


def sentence(text: str) -> str:
    """The text with a capital and a full stop.

    >>> sentence("look at them")
    'Look at them.'
    """
    text = text.strip()
    return _capital(text) + ("" if not text or text[-1] in ".!?。" else ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
