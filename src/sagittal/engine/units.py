"""In which units a network answers: its raw outputs are brought to the mean and spread of the training targets."""

from __future__ import annotations

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.data.images import image_of
from sagittal.data.manifest import DRAWN, Manifest
from sagittal.engine.facts import spread
from sagittal.engine.plan import Units
from sagittal.engine.prepare import Preparation
from sagittal.tasks._task import Task

MOST_TARGETS = 200
"""Training cases whose drawings are read for it, evenly spread."""


def units_of(task: Task, manifest: Manifest, preparation: Preparation, labels: Labels) -> Units | None:
    """The units of the training targets; None where the task's outputs have none, as logits.

    Args:
        task: Which says what the mean and spread of its targets are.
        manifest: With a training split.
        preparation: To the grid on which targets are drawn.
        labels: Of the plan.
    """
    if task.units is None:
        return None
    drawn = manifest.said in DRAWN
    cases = manifest.split("train")
    targets = []
    for case in spread(cases, MOST_TARGETS) if drawn else cases:
        source = image_of(case, manifest).geometry if drawn else None
        said = manifest.annotation(case, like=source)
        targets.append(task.target(task.encode(said, preparation.grid(source) if source is not None else Geometry.none()), labels))
    mean, std = task.units(targets, labels)
    spreads = np.where(np.isfinite(std) & (std > 0), std, 1.0)
    return Units(mean=tuple(float(v) for v in np.nan_to_num(mean)), std=tuple(float(v) for v in spreads))
