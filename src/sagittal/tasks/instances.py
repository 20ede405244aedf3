"""Every object by itself, also where objects touch: the inside of objects, their border, and what grows from the insides.

A network that is asked for the border of objects as a class of its own keeps touching objects apart, as the winner of the
GlaS challenge did (Chen et al., DCAN, CVPR 2016); we cut the objects apart along it and give the border back to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from sagittal.core.annotation import IGNORE
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.growing import Growing, Marks, Objects
from sagittal.ops.stitch import Stitch
from sagittal.tasks._objects import coded, numbers_of
from sagittal.tasks._task import Apart, Head, Quick, Task, channel, softmax
from sagittal.tasks.segmentation import segmentation

BORDER = 2.0
"""Samples of the network's grid, from an object's edge inwards, that are its border."""

INSIDE = 4.0
"""So many times as likely as the border is the inside of an object, where it is that: a border that is missed makes one object
of two, while one that is too wide is given back."""

LEAST_SHARE = 0.05
"""Objects smaller than this share of the size of the object that a sample of the answer lies in on average are dropped."""


def _target(encoded: NDArray[Any], labels: Labels) -> NDArray[np.int16]:
    """Background, the class inside of an object, or the border (``len(labels)``): within :data:`BORDER` of what is not it."""
    ground = 0 if labels.background is None else labels.index(labels.background)
    k = len(labels)
    target = np.where(encoded >= k, encoded % k, np.where(encoded < 0, IGNORE, ground)).astype(np.int16)
    target[(encoded >= k) & (_depth(encoded) <= BORDER)] = k
    return target


def _depth(encoded: NDArray[Any]) -> NDArray[np.float64]:
    """How far each sample is from the nearest one of another object or of none; what is not known ends no object."""
    edge = np.zeros(encoded.shape, dtype=np.bool_)
    for axis in range(encoded.ndim):
        low, high = (tuple(s if a == axis else slice(None) for a in range(encoded.ndim)) for s in (slice(None, -1), slice(1, None)))
        differ = (encoded[low] != encoded[high]) & (encoded[low] >= 0) & (encoded[high] >= 0)
        edge[low] |= differ
        edge[high] |= differ
    if not edge.any():
        return np.full(encoded.shape, np.inf)
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(~edge) + 1.0
    return depth


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels) + 1, dense=True)


def _mark(scores: NDArray[np.float32], labels: Labels) -> Marks:
    """Where objects are, where their insides are, and the class that speaks loudest for each sample."""
    ground, fore = _classes(labels)
    classes, border = scores[fore], scores[len(labels)]
    inside = classes.sum(axis=0)
    best = classes.argmax(axis=0).astype(np.uint8) if len(fore) > 1 else np.zeros(inside.shape, np.uint8)
    found: Marks = np.where(inside + border > scores[ground], 1 + 2 * best + (inside > INSIDE * border), 0).astype(np.uint8)
    return found


def _begin(across: tuple[int, ...], labels: Labels) -> Growing:
    return Growing(across, classes=len(labels) - 1)


def _codes(objects: Objects, labels: Labels) -> NDArray[np.int32]:
    """Number times classes plus class; each object is of the class of most of its samples, and small ones are dropped."""
    sizes = objects.samples.astype(np.float64)
    kept = sizes >= LEAST_SHARE * (sizes**2).sum() / max(sizes.sum(), 1)
    fore = np.array(_classes(labels)[1])
    codes = np.where(kept, np.cumsum(kept) * len(labels) + fore[objects.votes.argmax(axis=1)], 0)
    found: NDArray[np.int32] = np.concatenate([[0], codes]).astype(np.int32)
    return found


def _classes(labels: Labels) -> tuple[int, list[int]]:
    """The background, and the classes of objects."""
    ground = 0 if labels.background is None else labels.index(labels.background)
    return ground, [i for i in range(len(labels)) if i != ground]


APART = Apart(mark=_mark, begin=_begin, codes=_codes, extra=("border",))


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[np.int32]:
    """Codes of objects: insides that hang together, each grown over the border around it; small ones are dropped."""
    return APART.joined(_mark(scores, labels), labels)


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
    """Dice over the foreground, where border and inside are one; and of the border alone."""
    border = outputs.shape[1] - 1
    found, known = outputs.argmax(dim=1), targets != IGNORE
    both = ((found == border) & (targets == border)).sum()
    size = ((found == border) & known).sum() + (targets == border).sum()
    whole = torch.stack([outputs[:, 0], outputs[:, 1:].amax(dim=1)], dim=1)
    dice = segmentation.quick(whole, torch.where(targets > 0, 1, targets))["dice"]
    return {"dice": dice, "border_dice": (2 * both, size)}


instances = Task(
    name="instances",
    said=("objects", "outlines"),
    encode=coded,
    target=_target,
    truth=segmentation.truth,
    objects=numbers_of,
    head=_head,
    loss="dice_ce",
    activate=softmax,
    merge=Stitch,
    finish=_finish,
    metrics=(),
    per_case=("dice", "iou", "object_f1", "object_dice", "object_hausdorff"),
    attend=channel,
    exclusive=True,
    apart=APART,
    quick=_quick,
)
