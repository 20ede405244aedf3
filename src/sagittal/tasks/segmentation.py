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
    """Dice over the foreground samples of the batch's cases that have any, and of each foreground class."""
    n, k = outputs.shape[:2]
    found, truth = outputs.argmax(dim=1).flatten(1), targets.flatten(1)
    # One pass counts every pair of classes of every case; samples that nobody knows go into a last bin.
    pair = (torch.arange(n, device=truth.device)[:, None] * k + truth) * k + found
    pair = torch.where(truth == IGNORE, n * k * k, pair)
    # not bincount, which waits for a device to know how large its answer is
    counts = torch.zeros(n * k * k + 1, dtype=torch.int64, device=truth.device)
    counts.scatter_add_(0, pair.flatten(), counts.new_ones(1).expand(pair.numel()))
    counts = counts[:-1].reshape(n, k, k)
    both, size = counts.diagonal(dim1=1, dim2=2)[:, 1:], (counts.sum(dim=1) + counts.sum(dim=2))[:, 1:]
    each = {f"dice:{c + 1}": mean_dice(both[:, c], size[:, c]) for c in range(k - 1)}
    return {"dice": mean_dice(both.sum(dim=1), size.sum(dim=1)), **each}


def mean_dice(both: torch.Tensor, size: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum over the cases that have anything, and how many they are."""
    return (2 * both / size.clamp(min=1)).sum(), (size > 0).sum()


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
