"""Whether other data look, and score, like the data that a model was validated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.score import Score
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.assess import Assessment, assess
from sagittal.engine.infer import Predictor
from sagittal.metrics._shift import measures, share_shift, shifts

MOST_CASES = 400
"""Cases whose inputs are measured, evenly spread."""

COMPARED = ("accuracy", "auc", "balanced_accuracy", "dice", "r2")


def shift_findings(predictor: Predictor, own: Manifest | None, assessment: Assessment, manifest: Manifest) -> list[dict[str, object]]:
    """Findings of other data against the run's validation cases, the loudest first.

    Compared are what enters the network (mean and deviation of each case), how sure the answers are, how the answers
    are spread over the classes, and the scores.

    Args:
        predictor: The model.
        own: The run's manifest; without it nothing can be compared.
        assessment: Of the other data.
        manifest: Of the other data.
    """
    cases = own.split("val") if own is not None else ()
    if own is None or not cases:
        return []
    before = assess(predictor, own, cases)
    found = shifts(_measured(predictor, own, cases, before), _measured(predictor, manifest, [r.case for r in assessment.rows], assessment))
    if before.answers is not None and before.answers.kind == "class":
        found = [*found, *share_shift(_answered(before), _answered(assessment), before.answers.labels)]
    ranked = sorted(found, key=lambda f: (f.severity != "warn", -f.effect))
    return [*_falls(before, assessment), *(f.record() for f in ranked)]


def _measured(predictor: Predictor, manifest: Manifest, cases: Sequence[Case], assessment: Assessment) -> Mapping[str, NDArray[Any]]:
    picked = [cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, min(MOST_CASES, len(cases))).round().astype(int))]
    means, deviations = [], []
    for case in picked:
        _, values = next(predictor.windows(image_of(case, manifest)))
        means.append(float(values.mean()))
        deviations.append(float(values.std()))
    told = measures(assessment.answers) if assessment.answers is not None else {}
    return {"mean intensity": np.array(means), "contrast": np.array(deviations), **told}


def _answered(assessment: Assessment) -> NDArray[np.int64]:
    """How often each class was answered."""
    if assessment.answers is None:
        return np.zeros(0, dtype=np.int64)
    return np.bincount(assessment.answers.said, minlength=len(assessment.answers.labels))


def _falls(before: Assessment, after: Assessment) -> list[dict[str, object]]:
    """Scores that are below those on validation by more than both intervals allow."""
    found: list[dict[str, object]] = []
    for name in COMPARED:
        old, new = before.score(name), after.score(name)
        if old is not None and new is not None and _below(new, old):
            what = (
                f"{name.replace('_', ' ')} is {new.text(2)} here and {old.text(2)} on validation: these data come from another distribution"
            )
            remedy = "do not quote the validation score for such data; train on some of them, or keep the model away from them"
            found.append({"code": "SCORE_FALLS", "severity": "warn", "items": [name], "n": new.n, "what": what, "remedy": remedy})
    return found


def _below(new: Score, old: Score) -> bool:
    if new.value is None or old.value is None or new.high is None or old.low is None:
        return False
    return new.high < old.low
