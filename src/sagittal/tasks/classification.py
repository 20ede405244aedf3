"""One class for each case or window."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.annotation import Annotation
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.stitch import Vote
from sagittal.tasks._task import Head, Quick, Task, as_it_is, channel, softmax


def _encode(said: Annotation, region: Geometry) -> NDArray[np.int64]:
    return np.asarray(said.label_of(region), dtype=np.int64)


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels), dense=False)


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[Any]:
    return np.asarray(scores.argmax(), dtype=np.int64)


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
    hard = targets.argmax(dim=1) if targets.ndim > 1 else targets
    return {"accuracy": ((outputs.argmax(dim=1) == hard).sum(), len(hard))}


classification = Task(
    name="classification",
    said=("label", "outlines", "mask", "objects"),
    encode=_encode,
    target=as_it_is,
    truth=_encode,
    head=_head,
    loss="cross_entropy",
    activate=softmax,
    merge=Vote,
    finish=_finish,
    metrics=(
        "accuracy",
        "top_k",
        "balanced_accuracy",
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "f1",
        "mcc",
        "kappa",
        "auc",
        "average_precision",
        "brier",
        "log_loss",
        "ece",
    ),
    attend=channel,
    calibrated=True,
    exclusive=True,
    quick=_quick,
)
