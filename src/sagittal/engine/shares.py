"""What the training cases say on the whole: every score stands beside answers that know only this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.facts import spread
from sagittal.engine.plan import Plan, Shares
from sagittal.metrics._answers import Reference
from sagittal.ops.overview import small_grid
from sagittal.windows._windowing import seeing

MOST_REFERENCE = 200
"""Training cases whose drawings are read to know what is common; evenly spread."""


def shares_of(plan: Plan, manifest: Manifest) -> Shares | None:
    """What the plan keeps of the training cases, so that every front door has the baselines; None where there are none."""
    found = reference_of(plan, manifest, manifest.split("train"))
    return None if found is None else Shares(n=found.n, mean=tuple(float(v) for v in found.mean))


def kept_reference(plan: Plan) -> Reference | None:
    """The training cases as metrics want them, from what the plan has kept."""
    return None if plan.shares is None else Reference(n=plan.shares.n, mean=np.array(plan.shares.mean))


def reference_of(plan: Plan, manifest: Manifest, cases: Sequence[Case]) -> Reference | None:
    """What cases say, a case or a window each; None where the task has no table of truths.

    Of cases that were drawn on, a part that is spread over all of them is read.
    """
    task = plan.row
    if not task.metrics or not cases:
        return None
    if manifest.said in {"label", "labels", "value"} and plan.unit == "case":
        found = [task.truth(manifest.annotation(case), Geometry.none()) for case in cases]
    else:
        if np.ndim(_truths(plan, manifest, cases[0])[0]) > 1:
            return None
        found = [truth for case in spread(cases, MOST_REFERENCE) for truth in _truths(plan, manifest, case)]
    return Reference.of(np.stack(found), classes=len(manifest.labels))


def _truths(plan: Plan, manifest: Manifest, case: Case) -> list[NDArray[Any]]:
    """The truth of a case, or of each of its windows."""
    image = image_of(case, manifest)
    said = manifest.annotation(case, like=image.geometry)
    if plan.unit == "case":
        return [plan.row.truth(said, small_grid(image.geometry) if image.tiled else image.geometry)]
    ready = plan.preparation.ready(image) if plan.preparation.tissue else None
    grid = plan.preparation.grid(image.geometry) if ready is None else ready.grid
    windowing = seeing(plan.windowing, None if ready is None else ready.tissue)
    return [plan.row.truth(said, grid.at(window)) for window in windowing.cover(grid)]
