"""Whether other data look, and score, like the data that a model was validated on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
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

    Compared are how large the cases are, what enters the network (mean and deviation of each case), how sure the answers
    are, how truth and answers are spread over the classes, and the scores. Cases that the model was trained on come before all.

    Args:
        predictor: The model.
        own: The run's manifest; without it nothing can be compared.
        assessment: Of the other data.
        manifest: Of the other data.
    """
    if own is None:
        return []
    new, cases = [r.case for r in assessment.rows], own.split("val")
    taught = _taught(own, manifest, new)
    if not cases:
        return taught
    before = assess(predictor, own, cases)
    found = shifts(_measured(predictor, own, cases, before), _measured(predictor, manifest, new, assessment))
    if before.answers is not None and before.answers.kind == "class":
        labels = before.answers.labels
        found = [*found, *share_shift(_answered(before), _answered(assessment), labels)]
        found += share_shift(_true(before), _true(assessment), labels, said="{} is the truth")
    ranked = sorted(found, key=lambda f: (f.severity != "warn", -f.effect))
    return [*taught, *_falls(before, assessment), *(f.record() for f in ranked)]


def _measured(predictor: Predictor, manifest: Manifest, cases: Sequence[Case], assessment: Assessment) -> Mapping[str, NDArray[Any]]:
    picked = [cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, min(MOST_CASES, len(cases))).round().astype(int))]
    means, deviations = [], []
    sizes: dict[str, list[float]] = {}
    for case in picked:
        image = image_of(case, manifest)
        _, values = next(predictor.windows(image))
        means.append(float(values.mean()))
        deviations.append(float(values.std()))
        for name, value in _sizes(image.geometry).items():
            sizes.setdefault(name, []).append(value)
    told = measures(assessment.answers) if assessment.answers is not None else {}
    return {"mean intensity": np.array(means), "contrast": np.array(deviations), **{k: np.array(v) for k, v in sizes.items()}, **told}


def _sizes(grid: Geometry) -> dict[str, float]:
    """How large a picture or a volume is, and how coarse; nothing for the row of a table."""
    if grid.axes < 3:
        return {f"{name} in pixels": float(n) for name, n in zip(("height", "width"), grid.shape, strict=False)}
    lies = grid.upright()
    names = ("size left to right", "size back to front", "size foot to head")
    size = {f"{name} in {grid.unit}": n * s for name, n, s in zip(names, lies.shape, lies.spacing, strict=True)}
    return {**size, f"coarsest spacing in {grid.unit}": max(grid.spacing)}


def _taught(own: Manifest, manifest: Manifest, cases: Sequence[Case]) -> list[dict[str, object]]:
    """Whether some of the cases are files that the model learnt from, or was chosen by."""
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


def _answered(assessment: Assessment) -> NDArray[np.int64]:
    """How often each class was answered."""
    if assessment.answers is None:
        return np.zeros(0, dtype=np.int64)
    return np.bincount(assessment.answers.said, minlength=len(assessment.answers.labels))


def _true(assessment: Assessment) -> NDArray[np.int64]:
    """How often each class is the truth, where it is known."""
    if assessment.answers is None:
        return np.zeros(0, dtype=np.int64)
    truth = np.asarray(assessment.answers.truth)
    return np.bincount(truth[truth >= 0].astype(np.int64), minlength=len(assessment.answers.labels))


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
