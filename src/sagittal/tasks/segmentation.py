"""One class for each sample of the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE, Annotation
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.ring import highest
from sagittal.ops.stitch import Stitch
from sagittal.tasks._task import Head, Task, as_it_is, channel, softmax


def _encode(said: Annotation, region: Geometry) -> NDArray[np.int16]:
    return said.mask_of(region)


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels), dense=True)


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[Any]:
    return highest(scores)


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, tuple[float, int]]:
    """Dice over the foreground samples of the batch's cases that have any."""
    found, truth = outputs.argmax(dim=1).flatten(1), targets.flatten(1)
    known = truth != IGNORE
    both = ((found == truth) & (truth > 0)).sum(dim=1)
    size = ((found > 0) & known).sum(dim=1) + (truth > 0).sum(dim=1)
    some = size > 0
    return {"dice": (float((2 * both[some] / size[some]).sum()), int(some.sum()))}


segmentation = Task(
    name="segmentation",
    said=("mask", "outlines", "boxes"),
    encode=_encode,
    target=as_it_is,
    truth=_encode,
    head=_head,
    loss="dice_ce",
    activate=softmax,
    merge=Stitch,
    finish=_finish,
    metrics=(),
    per_case=("dice", "iou", "hd95", "assd", "nsd", "volume_difference", "voxel_sensitivity", "voxel_precision"),
    attend=channel,
    exclusive=True,
    samplewise=True,
    quick=_quick,
)
