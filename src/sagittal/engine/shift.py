"""Whether other data look, and score, like the data that a model was validated on."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sagittal.core.case import Case
from sagittal.core.score import Score
from sagittal.data.manifest import Manifest
from sagittal.engine.assess import Assessment
from sagittal.engine.infer import Predictor
from sagittal.engine.validated import counted, measured
from sagittal.engine.validation import Validation
from sagittal.metrics._shift import share_shift, shifts


def shift_findings(before: Validation, predictor: Predictor, manifest: Manifest, assessment: Assessment) -> list[dict[str, object]]:
    """Findings of other data against the validation cases, falls of scores first, then the loudest.

    Compared are how large the cases are, what enters the network (mean and deviation of each case), how sure the answers
    are, how truth and answers are spread over the classes, and the scores.

    Args:
        before: What the validation cases were like.
        predictor: The model.
        manifest: Of the other data.
        assessment: Of the other data.
    """
    found = shifts({name: spread.values() for name, spread in before.measures.items()}, measured(predictor, manifest, assessment))
    counts = counted(assessment)
    if counts is not None and before.answered is not None and before.true is not None:
        labels = predictor.plan.labels
        found = [*found, *share_shift(before.answered, counts[0], labels)]
        found += share_shift(before.true, counts[1], labels, said="{} is the truth")
    ranked = sorted(found, key=lambda f: (f.severity != "warn", -f.effect))
    return [*_falls(before, assessment), *(f.record() for f in ranked)]


def taught_findings(own: Manifest, manifest: Manifest, assessment: Assessment) -> list[dict[str, object]]:
    """Whether some of the answered cases are files that the model learnt from, or was chosen by.

    Args:
        own: The manifest that the model was trained on.
        manifest: Of the answered cases.
        assessment: Their answers.
    """
    cases = [r.case for r in assessment.rows]
    known = _files(own, (*own.split("train"), *own.split("val")))
    same = [case for case in cases if _files(manifest, [case]) & known]
    if not same:
        return []
    what = f"{len(same)} of the {len(cases)} cases here are files that the model was trained or chosen on: scores on them say nothing"
    remedy = "leave them out, or judge the model by its own test split: evaluate without --data"
    return [{"code": "TRAINED_ON", "severity": "warn", "items": ["cases"], "n": len(same), "what": what, "remedy": remedy}]


def _files(manifest: Manifest, cases: Sequence[Case]) -> set[str]:
    """Where the images of cases lie, whatever way the paths are written."""
    return {os.path.realpath(manifest.locate(place)) for case in cases for place in case.images.values()}


def _falls(before: Validation, after: Assessment) -> list[dict[str, object]]:
    """Scores that are below those on validation by more than both intervals allow."""
    found: list[dict[str, object]] = []
    for name, bounds in before.scores.items():
        new = after.score(name)
        if new is None or new.value is None or new.high is None or new.high >= bounds.low:
            continue
        old = Score(metric=name, value=bounds.value, low=bounds.low, high=bounds.high)
        what = f"{name.replace('_', ' ')} is {new.text(2)} here and {old.text(2)} on validation: these data come from another distribution"
        remedy = "do not quote the validation score for such data; train on some of them, or keep the model away from them"
        found.append({"code": "SCORE_FALLS", "severity": "warn", "items": [name], "n": new.n, "what": what, "remedy": remedy})
    return found
