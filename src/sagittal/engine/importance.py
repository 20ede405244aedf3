"""What the columns of a table are worth to a model: how far its answers get worse when one is shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.infer import Predictor
from sagittal.engine.rows import Row
from sagittal.explainers.permutation import permutation
from sagittal.metrics._intervals import bootstrap, group_sums
from sagittal.ops.randomness import generator

MOST_ROWS = 500
"""Rows that are shuffled, evenly spread over the answered ones."""

REPEATS = 10
"""Shuffles a column."""


def importance_of(predictor: Predictor, manifest: Manifest, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Permutation importance of every column with its 95 % interval, the largest first; None where nothing is known.

    The interval is a bootstrap over patients: it says how far the number depends on whom we happened to test.

    Args:
        predictor: A model of tables, calibrated where it is.
        manifest: Of the rows.
        rows: Answered, not trained on; rows whose truth is not known are left out.
    """
    known = [r for r in rows if not (r.truth.ndim == 0 and r.truth == IGNORE) and np.isfinite(r.truth).all()]
    if not known:
        return None
    picked = [known[i] for i in np.unique(np.linspace(0, len(known) - 1, min(MOST_ROWS, len(known))).round().astype(int))]
    values = np.stack([next(predictor.windows(image_of(r.case, manifest)))[1] for r in picked])
    truth: NDArray[Any] = np.stack([r.truth for r in picked])
    found = permutation(predictor.scores_of, values, truth=truth, rng=generator(predictor.plan.seed, len(picked)), repeats=REPEATS)
    if found.each is None:
        return None
    owners = np.unique([r.case.owner for r in picked], return_inverse=True)[1]
    columns: list[dict[str, Any]] = []
    for name, fall, each in zip(predictor.plan.preparation.names, found.fall, found.each, strict=True):
        sums = group_sums(np.stack([each, np.ones(len(each))], axis=1), owners)
        between = bootstrap(sums, lambda totals: totals[:, 0] / totals[:, 1], seed=predictor.plan.seed)
        columns.append({"column": name, "fall": float(fall), "low": between.low, "high": between.high})
    columns.sort(key=lambda c: (-c["fall"], c["column"]))
    score = "log loss" if np.issubdtype(truth.dtype, np.integer) else "squared error"
    return {"score": score, "n": len(picked), "repeats": REPEATS, "columns": columns}
