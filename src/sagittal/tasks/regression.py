"""Measured values for each case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.annotation import Annotation
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.stitch import Vote
from sagittal.tasks._task import Head, Quick, Task, as_it_is, channel, identity


def _encode(said: Annotation, region: Geometry) -> NDArray[np.float32]:
    return said.value_of(region)


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels), dense=False)


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[Any]:
    return scores


def _units(targets: Sequence[NDArray[Any]], labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each value; unknown ones are left out."""
    table = np.stack(targets).astype(np.float64)
    return np.nanmean(table, axis=0), np.nanstd(table, axis=0)


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
    return {"mae": ((outputs.float() - targets).abs().mean(dim=1).sum(), len(targets))}


regression = Task(
    name="regression",
    said=("value",),
    encode=_encode,
    target=as_it_is,
    truth=_encode,
    head=_head,
    loss="smooth_l1",
    activate=identity,
    merge=Vote,
    finish=_finish,
    metrics=("mae", "rmse", "r2", "bias"),
    attend=channel,
    units=_units,
    quick=_quick,
)
