"""Numbers, counts and names as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagittal.core.score import Score

MINUS = "\u2212"
NARROW = "\u202f"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """What people call the whole of a case, a sample of its grid, and how much of the world lies in a structure on it."""

    whole: str = "case"
    sample: str = "sample"
    size: str = "size"

    def said(self, text: str) -> str:
        """A text in which ``{whole}``, ``{sample}`` and ``{size}`` stand, also with a capital.

        >>> grid(2).said("{Sample} AUC"), grid(3).said("{Size} difference"), grid(None).said("share of the {sample}s")
        ('Pixel AUC', 'Volume difference', 'share of the samples')
        """
        told = {"whole": self.whole, "sample": self.sample, "size": self.size}
        return text.format(**told, **{name.capitalize(): word.capitalize() for name, word in told.items()})


GRIDS = {
    0: Grid(whole="row"),
    2: Grid(whole="picture", sample="pixel", size="area"),
    3: Grid(whole="volume", sample="voxel", size="volume"),
}


def grid(axes: int | None) -> Grid:
    """The words for data of so many axes; general ones where nobody knows."""
    return Grid() if axes is None else GRIDS.get(axes, Grid())


def looked_for(axes: int | None) -> str:
    """What every audit looks for, for a sentence; what rows nearly share is not asked, since near values are no copies.

    >>> looked_for(2)
    'patients on both sides, copies and near copies of pictures, classes without cases, files that cannot be read'
    """
    copies = "copies of {whole}s" if axes == 0 else "copies and near copies of {whole}s"
    return grid(axes).said(f"patients on both sides, {copies}, classes without cases, files that cannot be read")


def axes_of(audit: Mapping[str, Any]) -> int | None:
    """Of how many axes the audited data are, by its record; None where that does not say.

    >>> axes_of({"fingerprint": {"axes": 2}}), axes_of({})
    (2, None)
    """
    fingerprint = audit.get("fingerprint")
    found = fingerprint.get("axes") if isinstance(fingerprint, Mapping) else None
    return found if isinstance(found, int) else None


METRICS = {
    "auc": ("AUC", "the chance that a positive case gets a higher score than a negative one; 0.5 is chance"),
    "average_precision": ("Average precision", "the area under precision against recall; chance is the prevalence"),
    "accuracy": ("Accuracy", "the share of answers that are right"),
    "top_k": ("Top-k accuracy", "the share of cases whose true class is among the k most probable ones"),
    "balanced_accuracy": ("Balanced accuracy", "the mean of the sensitivities: every class counts the same, however rare"),
    "sensitivity": ("Sensitivity", "of the cases that have it, the share that was found"),
    "specificity": ("Specificity", "of the cases that do not have it, the share that was left alone"),
    "ppv": ("PPV", "of the cases that were called positive, the share that is; it moves with how common the class is"),
    "npv": ("NPV", "of the cases that were called negative, the share that is; it moves with how common the class is"),
    "f1": ("F1", "the harmonic mean of sensitivity and PPV"),
    "mcc": ("MCC", "Matthews' correlation between answer and truth: 0 is chance, 1 is perfect"),
    "kappa": ("Cohen's kappa", "agreement beyond chance: 0 is chance, 1 is perfect"),
    "brier": ("Brier score", "the mean squared error of the probabilities; lower is better"),
    "log_loss": ("Log loss", "the mean surprise at the truth, in nats; lower is better"),
    "ece": ("ECE", "how far the stated probabilities are from the observed frequencies; lower is better"),
    "mae": ("Mean absolute error", "the mean distance between answer and truth"),
    "rmse": ("RMSE", "the root of the mean squared error; large errors count more"),
    "r2": ("R\u00b2", "the share of the variance that is explained; 0 is always answering the mean"),
    "limits_of_agreement": ("Limits of agreement", "between these 95 % of the differences lie"),
    "bias": ("Bias", "the mean of answer minus truth"),
    "dice": ("Dice", "twice the overlap over the sum of both sizes; 1 is perfect"),
    "iou": ("IoU", "the overlap over the union; 1 is perfect"),
    "nsd": ("Surface Dice", "the share of the two surfaces within a tolerance of each other; 1 is perfect"),
    "assd": ("Surface distance", "the mean distance between the two surfaces"),
    "hd95": ("Hausdorff 95", "the distance within which 95 % of each surface lies from the other"),
    "hd": ("Hausdorff distance", "the distance between the two surfaces where they are farthest apart"),
    "voxel_sensitivity": ("{Sample} sensitivity", "of the true structure, the share that the answer covers"),
    "voxel_precision": ("{Sample} precision", "of the answered structure, the share that is true"),
    "voxel_specificity": ("{Sample} specificity", "of what lies outside the structure, the share that the answer leaves out"),
    "voxel_auc": ("{Sample} AUC", "the chance that a {sample} of the structure gets a higher probability than one outside; 0.5 is chance"),
    "lesion_f1": ("Lesion F1", "the harmonic mean of the shares of true lesions found and of answered pieces that are true"),
    "volume_difference": ("{Size} difference", "by how much the answer is too large or too small; lower is better"),
    "relative_volume_difference": ("Relative {size} difference", "the same as a share of the true {size}; lower is better"),
    "detection_ap": ("Detection AP", "average precision of boxes that overlap the truth by half"),
    "detection_f1": ("Detection F1", "the harmonic mean of the shares of true boxes found and of found boxes that are true"),
}

SIGNED = frozenset({"bias"})
"""Scores of which those near zero are the best."""

RANK = {name: place for place, name in enumerate(METRICS)}
"""The order in which a reader wants the scores; ours first, others as they come."""

HEADLINES = ("dice", "detection_ap", "auc", "balanced_accuracy", "accuracy", "average_precision", "r2", "mae", "rmse")
"""Which scores speak for a run on page one, the first that exist; ``headline`` in scores.json overrides it."""


def metric_name(metric: str, axes: int | None) -> str:
    """The metric as in a heading, of data with so many axes: pictures have pixels and areas.

    >>> metric_name("auc", 2), metric_name("lesion_recall", 3)
    ('AUC', 'Lesion recall')
    >>> metric_name("voxel_auc", 2), metric_name("volume_difference", 2), metric_name("volume_difference", 3)
    ('Pixel AUC', 'Area difference', 'Volume difference')
    """
    return grid(axes).said(METRICS[metric][0]) if metric in METRICS else metric.replace("_", " ").capitalize()


def metric_meaning(metric: str, axes: int | None) -> str:
    """What the metric is, in half a sentence; empty for one that is not ours."""
    return grid(axes).said(METRICS[metric][1]) if metric in METRICS else ""


def in_sentence(metric: str, axes: int | None) -> str:
    """The metric's name inside a sentence: lower case, but for names and initials.

    >>> in_sentence("balanced_accuracy", 2), in_sentence("auc", 2), in_sentence("kappa", 2)
    ('balanced accuracy', 'AUC', "Cohen's kappa")
    """
    name = metric_name(metric, axes)
    keeps = name.split()[0].isupper() or metric in {"kappa", "dice", "brier", "r2", "iou", "hd", "hd95"}
    return name if keeps else name[:1].lower() + name[1:]


def number(value: float | None, digits: int | None = None) -> str:
    """A number with a true minus; three decimals below two, fewer above; a dash for none or NaN.

    >>> number(0.79855), number(-12.345), number(None)
    ('0.799', '−12.3', '–')
    """
    if value is None or not math.isfinite(value):
        return "\u2013"
    if digits is None:
        digits = decimals(value)
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = MINUS + text[1:] if text.strip("-0.,") else text[1:]
    return text


def decimals(value: float) -> int:
    """How many decimals a number of this size deserves.

    >>> decimals(0.8), decimals(5.1), decimals(17.4), decimals(2048)
    (3, 2, 1, 0)
    """
    size = abs(value)
    return 3 if size < 1.9995 else 2 if size < 9.995 else 1 if size < 999.95 else 0


def short(value: float) -> str:
    """A number for a tick or a free table: no needless zeros, small ones as powers of ten.

    >>> short(0.5), short(0.00001), short(1200.0), short(0)
    ('0.5', '1e−5', '1,200', '0')
    """
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        text = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    else:
        mantissa, power = f"{value:.2e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    return text.replace("-", MINUS)


def with_unit(text: str, unit: str) -> str:
    """The unit behind a number, after a narrow blank; nothing for ratios.

    >>> with_unit("1.2", "mm") == "1.2" + NARROW + "mm", with_unit("0.9", "1")
    (True, '0.9')
    """
    return text if unit in {"", "1"} else f"{text}{NARROW}{unit}"


def value_of(score: Score) -> str:
    """The value alone, with as many decimals as its interval."""
    return number(score.value, _decimals_of(score))


def interval(score: Score) -> str:
    """``0.772 to 0.823``; empty where there is no interval."""
    if score.value is None or score.low is None or score.high is None:
        return ""
    digits = _decimals_of(score)
    return f"{number(score.low, digits)} to {number(score.high, digits)}"


def count(n: float, noun: str = "", plural: str = "") -> str:
    """``1 case``, ``37,205 cases``.

    >>> count(1, "case"), count(37205, "case"), count(2, "class", "classes")
    ('1 case', '37,205 cases', '2 classes')
    """
    digits = f"{int(n):,}"
    if not noun:
        return digits
    return f"{digits} {noun if n == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """Names as in a sentence; a long list is cut and says by how much.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b and c', 'a, b and 2 more')
    """
    names = list(names)
    if len(names) > most + 1:
        names = [*names[:most], f"{len(names) - most:,} more"]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else "none"


def duration(seconds: float) -> str:
    """``42 s``, ``12 min``, ``3 h 20 min``.

    >>> duration(42.4), duration(700), duration(12000)
    ('42 s', '12 min', '3 h 20 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def percent(share: float) -> str:
    """``12 %``; one decimal below one per cent.

    >>> percent(0.123) == "12" + NARROW + "%", percent(0.004) == "0.4" + NARROW + "%"
    (True, True)
    """
    value = 100 * share
    return f"{value:.1f}{NARROW}%" if 0 < value < 1 else f"{value:.0f}{NARROW}%"


def _decimals_of(score: Score) -> int:
    return min((decimals(v) for v in (score.value, score.low, score.high) if v is not None), default=3)
