"""Whether new data look like the data that the model was validated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2_contingency, ks_2samp

from sagittal.core import Labels
from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats

LEAST_CASES = 8
LOUD = 0.25
SEEN = 0.1
CHANCE = 0.01
REMEDY = "judge the scores on these data by themselves, look at the pictures side by side, and train on such data before use there"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One thing in which new data differ from validation.

    Args:
        measure: What differs: ``confidence``, ``mean intensity``, ``answers`` ...
        severity: ``warn`` for an effect of at least .25, else ``note``.
        effect: From 0 to 1: the largest distance of the two cumulative distributions (Kolmogorov-Smirnov), or the share of
            answers that would have to change for both shares of classes to be the same (total variation).
        p: How often chance alone would do this, were cases independent; corrected for the number of measures.
        n: Cases in the new data.
        what: In a sentence.
        remedy: What to do.
    """

    measure: str
    severity: Literal["warn", "note"]
    effect: float
    p: float
    n: int
    what: str
    remedy: str = REMEDY

    def record(self) -> dict[str, object]:
        """The entry of ``scores.json``, shaped as the findings of an audit."""
        return {
            "code": "SHIFT",
            "severity": self.severity,
            "items": [self.measure],
            "n": self.n,
            "what": self.what,
            "remedy": self.remedy,
            "effect": self.effect,
            "p": self.p,
        }


def measures(answers: Answers) -> dict[str, Floats]:
    """What answers say of the data without their truth: a number a case, by name.

    ``confidence``: the probability of the most probable class; of several labels, the mean over classes of how far each
    is decided. Values: each value. Boxes give nothing.

    >>> from sagittal.metrics._examples import two_classes
    >>> measures(two_classes(hits=1, misses=1))["confidence"].tolist()
    [0.8, 0.8]
    """
    if answers.kind == "class":
        return {"confidence": answers.scores.max(axis=1) if answers.n else np.zeros(0)}
    if answers.kind == "classes":
        return {"confidence": np.maximum(answers.scores, 1 - answers.scores).mean(axis=1)}
    return {name: answers.scores[:, k] for k, name in enumerate(answers.labels.classes)} if answers.kind == "value" else {}


def shifts(reference: Mapping[str, ArrayLike], new: Mapping[str, ArrayLike]) -> list[Shift]:
    """In which of the measures, a number a case each, new data differ from validation; the largest effect first.

    Compared by the two-sample Kolmogorov-Smirnov test. Said only when it is more than chance (p below .01 after
    Bonferroni) *and* large enough to matter (effect at least .1): with many cases everything differs by a little.
    Measures that only one side has, or with fewer than 8 cases on a side, are passed over; numbers that are not finite, too.

    >>> rng = np.random.default_rng(0)
    >>> found = shifts({"mean intensity": rng.normal(0, 1, 200)}, {"mean intensity": rng.normal(2, 1, 100)})
    >>> found[0].measure, found[0].severity
    ('mean intensity', 'warn')
    """
    pairs = {name: (_finite(reference[name]), _finite(new[name])) for name in reference if name in new}
    pairs = {name: pair for name, pair in pairs.items() if min(len(pair[0]), len(pair[1])) >= LEAST_CASES}
    found = []
    for name, (before, here) in pairs.items():
        test = ks_2samp(before, here)
        effect, p = float(test.statistic), min(1.0, float(test.pvalue) * len(pairs))
        if p < CHANCE and effect >= SEEN:
            found.append(_shift(name, effect, p, len(here), _sentence(name, before, here)))
    return sorted(found, key=lambda shift: -shift.effect)


ANSWERS = "the model answers {}"


def share_shift(
    reference: Sequence[int] | NDArray[np.integer],
    new: Sequence[int] | NDArray[np.integer],
    labels: Labels,
    *,
    said: str = ANSWERS,
) -> list[Shift]:
    """Whether the model answers other shares of classes than on validation: at most one finding.

    Args:
        reference: How often each class was answered on validation, ``(K,)``.
        new: The same on the new data.
        labels: The classes.
        said: What else than the answers is counted, with ``{}`` for a class.

    >>> found = share_shift([50, 50], [95, 5], Labels(classes=("healthy", "ill")))
    >>> found[0].what
    'the model answers healthy in 95 % of the cases here, and in 50 % on validation'
    """
    counts = np.array([reference, new], dtype=np.float64)
    if counts.sum(axis=1).min() < LEAST_CASES:
        return []
    shares = counts / counts.sum(axis=1, keepdims=True)
    gap = shares[1] - shares[0]
    effect = float(np.abs(gap).sum() / 2)
    seen = counts[:, counts.sum(axis=0) > 0]
    p = float(chi2_contingency(seen).pvalue) if seen.shape[1] > 1 else 1.0
    if p >= CHANCE or effect < SEEN:
        return []
    k = int(gap.argmax())
    what = f"{said.format(labels.classes[k])} in {shares[1, k]:.0%} of the cases here, and in {shares[0, k]:.0%} on validation"
    return [_shift("answers" if said == ANSWERS else "classes", effect, p, int(counts[1].sum()), what.replace("%", " %"))]


def _shift(measure: str, effect: float, p: float, n: int, what: str) -> Shift:
    return Shift(measure=measure, severity="warn" if effect >= LOUD else "note", effect=effect, p=p, n=n, what=what)


def _sentence(name: str, before: Floats, here: Floats) -> str:
    low, high = np.quantile(before, [0.025, 0.975])
    outside = float(((here < low) | (here > high)).mean())
    middle = f"median {np.median(here):.3g} here, {np.median(before):.3g} on validation"
    text = f"{name} differs: {middle}; {100 * outside:.0f} % of the cases here lie outside the range of 95 % of validation"
    drop = float(before.mean() - here.mean())
    if name == "confidence" and drop > 0.01:
        # Guillory et al. 2021: the fall of the mean confidence predicts the fall of the accuracy, and tends to be too small.
        text += f"; mean confidence fell by {drop:.2f}, and accuracy usually falls by at least as much"
    return text


def _finite(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[np.isfinite(array)]
