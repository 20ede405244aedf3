"""A model's validation cases, looked at once: the run keeps what they were like, and its package takes that along."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine import checkpoint
from sagittal.engine._strict import conform
from sagittal.engine.assess import Assessment, assess
from sagittal.engine.crossval import met
from sagittal.engine.infer import Predictor
from sagittal.engine.run import Run
from sagittal.engine.validation import COMPARED, MOST_MEASURES, Bounds, Spread, Validation
from sagittal.errors import StorageFailure
from sagittal.metrics._shift import LEAST_CASES, measures

FILE, FORMAT, VERSION = "validation.json", "sagittal-validation", 1

MOST_CASES = 400
"""Cases whose inputs are measured, evenly spread."""


def validation_of(run: Run, predictor: Predictor) -> Validation | None:
    """What the validation cases of a run are like for its model: answered once, and kept with the run.

    None where there is no such case.

    Raises:
        UnreadableInput: Nobody has looked yet, and a case cannot be read.
    """
    manifest = met(run)
    cases = manifest.split("val")
    if not cases:
        return None
    model = _model_of(run)
    if run.has(FILE):
        record = run.read(FILE)
        kept = {k: v for k, v in record.items() if k not in {"format", "version", "model"}}
        with contextlib.suppress(ValueError):
            conform(kept, Validation, FILE)
            if (record.get("version"), record.get("model")) == (VERSION, model):
                return Validation.from_record(kept)
    found = described(predictor, manifest, assess(predictor, manifest, cases))
    # A run that may only be read is measured each time.
    with contextlib.suppress(StorageFailure):
        run.write(FILE, {"format": FORMAT, "version": VERSION, "model": model, **found.record()})
    return found


def described(predictor: Predictor, manifest: Manifest, assessment: Assessment) -> Validation:
    """What answered cases are like."""
    finite = {name: values[np.isfinite(values)] for name, values in measured(predictor, manifest, assessment).items()}
    enough = [(name, values) for name, values in finite.items() if len(values) >= LEAST_CASES]
    counts = counted(assessment)
    scores = {name: assessment.score(name) for name in COMPARED}
    return Validation(
        measures={name: Spread.of(values) for name, values in enough[:MOST_MEASURES]},
        answered=None if counts is None else tuple(counts[0].tolist()),
        true=None if counts is None else tuple(counts[1].tolist()),
        scores={
            name: Bounds(value=s.value, low=s.low, high=s.high)
            for name, s in scores.items()
            if s is not None and s.value is not None and s.low is not None and s.high is not None
        },
    )


def measured(predictor: Predictor, manifest: Manifest, assessment: Assessment) -> Mapping[str, NDArray[Any]]:
    """What can be said of answered cases without their truth, a number a case or window, by name: input, size, sureness."""
    cases = list({r.case.id: r.case for r in assessment.rows}.values())
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


def counted(assessment: Assessment) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """How often each class was answered, and was the truth where that is known; None where answers are no classes."""
    answers = assessment.answers
    if answers is None or answers.kind != "class":
        return None
    truth = answers.table
    k = len(answers.labels)
    return np.bincount(answers.said, minlength=k), np.bincount(truth[truth >= 0].astype(np.int64), minlength=k)


def _sizes(grid: Geometry) -> dict[str, float]:
    """How large a picture or a volume is, and how coarse; nothing for the row of a table."""
    if grid.axes < 3:
        return {f"{name} in pixels": float(n) for name, n in zip(("height", "width"), grid.shape, strict=False)}
    lies = grid.upright()
    names = ("size left to right", "size back to front", "size foot to head")
    size = {f"{name} in {grid.unit}": n * s for name, n, s in zip(names, lies.shape, lies.spacing, strict=True)}
    return {**size, f"coarsest spacing in {grid.unit}": max(grid.spacing)}


def _model_of(run: Run) -> str:
    """What the answers of a run's model depend on, as a digest: weights, calibration and tidying."""
    folder = checkpoint.find(run.checkpoints / "best") or run.checkpoints / "best"
    files = (folder / checkpoint.SUMS, run.path / "calibration.json", run.path / "postprocess.json")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()
