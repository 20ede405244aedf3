"""Any number of classes for each case or window."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.annotation import Annotation
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.stitch import Vote
from sagittal.tasks._task import Head, Quick, Task, as_it_is, channel, sigmoid


def _encode(said: Annotation, region: Geometry) -> NDArray[np.float32]:
    return said.presence_of(region).astype(np.float32)


def _truth(said: Annotation, region: Geometry) -> NDArray[np.bool_]:
    return said.presence_of(region)


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels), dense=False)


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[Any]:
    return np.asarray(scores >= 0.5)


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
    return {"accuracy": (((outputs > 0) == (targets > 0.5)).float().mean(dim=1).sum(), len(targets))}


multilabel = Task(
    name="multilabel",
    said=("labels", "label", "outlines", "mask", "objects"),
    encode=_encode,
    target=as_it_is,
    truth=_truth,
    head=_head,
    loss="bce",
    activate=sigmoid,
    merge=Vote,
    finish=_finish,
    metrics=("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "auc", "average_precision", "brier", "log_loss", "ece"),
    attend=channel,
    calibrated=True,
    quick=_quick,
)
