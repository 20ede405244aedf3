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
from sagittal.tasks._task import Head, Quick, Task, as_it_is, channel, softmax


def _encode(said: Annotation, region: Geometry) -> NDArray[np.int16]:
    return said.mask_of(region)


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels), dense=True)


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[Any]:
    return highest(scores)


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
    """Dice over all samples together, of the foreground and of each of its classes: a window without any weighs what is drawn in it."""
    k = outputs.shape[1]
    # One pass counts every pair of classes; samples that nobody knows go into a last bin.
    pair = torch.where(targets == IGNORE, k * k, targets * k + outputs.argmax(dim=1)).flatten()
    # not bincount, which waits for a device to know how large its answer is
    counts = torch.zeros(k * k + 1, dtype=torch.int64, device=pair.device)
    counts.scatter_add_(0, pair, counts.new_ones(1).expand(pair.numel()))
    counts = counts[:-1].reshape(k, k)
    both, size = counts.diagonal()[1:], (counts.sum(dim=0) + counts.sum(dim=1))[1:]
    each = {f"dice:{c + 1}": (2 * both[c], size[c]) for c in range(k - 1)}
    return {"dice": (2 * both.sum(), size.sum()), **each}


segmentation = Task(
    name="segmentation",
    said=("outlines", "mask", "objects", "boxes"),
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
