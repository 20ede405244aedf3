"""Boxes around objects: every object is the peak of a map of its class.

Source: Zhou, Wang & Krähenbühl, Objects as Points, arXiv:1904.07850 (2019). We differ in working at the
full resolution of the window, and for any number of axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from sagittal.core.annotation import Annotation
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.stitch import Stitch
from sagittal.tasks._objects import coded
from sagittal.tasks._task import Head, Quick, Task, channel

LEAST_SCORE = 0.2
"""Peaks below this are not even listed; average precision looks at all that are."""

MOST_PEAKS = 200
"""Only so many peaks of a case, the highest, are looked at; a network that has learned nothing has thousands."""

FIRST_HEAT = -2.2
"""The heat that a new network starts with: objects are rare (a tenth), so that empty ground does not drown them."""

MOST_OVERLAP = 0.5
"""Of two boxes of one class with a larger intersection over union, the one with the lower score goes."""


def _target(encoded: NDArray[Any], labels: Labels) -> NDArray[np.float32]:
    """``(K + 2 * axes, *shape)``: a bump a class at each object's centre; size and offset (in samples) at the centre."""
    axes, k = encoded.ndim, len(labels)
    target = np.zeros((k + 2 * axes, *encoded.shape), dtype=np.float32)
    for code, where in _extents(encoded):
        low = np.array([s.start for s in where], dtype=np.float64)
        high = np.array([s.stop for s in where], dtype=np.float64)
        centre, size = (low + high - 1) / 2, high - low
        at = tuple(np.floor(centre + 0.5).astype(int))
        _bump(target[code % k], centre=np.array(at, dtype=np.float64), sigma=np.maximum(size / 6, 0.7))
        target[(slice(k, k + axes), *at)] = size
        target[(slice(k + axes, None), *at)] = centre - at
    return target


def _extents(encoded: NDArray[Any]) -> list[tuple[int, tuple[slice, ...]]]:
    codes, compact = np.unique(encoded, return_inverse=True)
    boxes = ndimage.find_objects(compact.reshape(encoded.shape).astype(np.int32) + 1)
    return [(int(c), b) for c, b in zip(codes, boxes, strict=True) if c > 0 and b is not None]


def _bump(plane: NDArray[np.float32], *, centre: NDArray[np.float64], sigma: NDArray[np.float64]) -> None:
    """Raise a class's map to a Gaussian whose top, at the centre sample, is exactly 1."""
    low = np.maximum(np.floor(centre - 3 * sigma), 0).astype(int)
    high = np.minimum(np.ceil(centre + 3 * sigma) + 1, plane.shape).astype(int)
    bump = np.ones((), dtype=np.float32)
    for c, s, a, b in zip(centre, sigma, low, high, strict=True):
        bump = np.multiply.outer(bump, np.exp(-0.5 * ((np.arange(a, b) - c) / s) ** 2).astype(np.float32))
    view = plane[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    np.maximum(view, bump, out=view)


def _truth(said: Annotation, region: Geometry) -> NDArray[np.float64]:
    return said.boxes_of(region)


def _head(labels: Labels, axes: int) -> Head:
    return Head(channels=len(labels) + 2 * axes, dense=True)


def _activate(outputs: torch.Tensor) -> torch.Tensor:
    """Heat of each class to 0..1; sizes and offsets as they are. The axes are those of the map."""
    k = outputs.shape[1] - 2 * (outputs.ndim - 2)
    return torch.cat([torch.sigmoid(outputs[:, :k].float()), outputs[:, k:].float()], dim=1)


def _finish(scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[np.float64]:
    """``(n, 2 * axes + 2)``: low corner, high corner (world), class index, score; best first."""
    k, axes = len(labels), grid.axes
    heat = scores[:k]
    highest = np.stack([ndimage.maximum_filter(one, size=3) for one in heat])
    peaks = np.argwhere((highest == heat) & (heat >= LEAST_SCORE))
    level = heat[tuple(peaks.T)]
    kept = np.argsort(-level, kind="stable")[:MOST_PEAKS]
    found: list[list[float]] = []
    for index, *at in peaks[kept].tolist():
        size = np.maximum(scores[(slice(k, k + axes), *at)], 1.0)
        centre = at + np.clip(scores[(slice(k + axes, None), *at)], -1, 1)
        ends = grid.to_world(np.stack([centre - size / 2, centre + size / 2]))
        found.append([*ends.min(axis=0), *ends.max(axis=0), float(index), float(heat[(index, *at)])])
    return without_overlaps(np.array(found, dtype=np.float64).reshape(-1, 2 * axes + 2), axes)


def _units(targets: Sequence[NDArray[Any]], labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A low first heat; the mean and spread of the objects' sizes, in samples; offsets as they are."""
    k, axes = len(labels), targets[0].ndim - 1
    sizes = np.concatenate([t[k : k + axes, (t[:k] == 1).any(axis=0)] for t in targets], axis=1).astype(np.float64)
    known = sizes.shape[1] > 0
    mean, std = (sizes.mean(axis=1), sizes.std(axis=1)) if known else (np.ones(axes), np.ones(axes))
    return np.concatenate([np.full(k, FIRST_HEAT), mean, np.zeros(axes)]), np.concatenate([np.ones(k), std, np.ones(axes)])


def without_overlaps(boxes: NDArray[np.float64], axes: int) -> NDArray[np.float64]:
    """Greedy non-maximum suppression within each class; ``boxes`` come best first."""
    kept: list[int] = []
    volume = np.prod(boxes[:, axes : 2 * axes] - boxes[:, :axes], axis=1)
    for i in range(len(boxes)):
        same = [j for j in kept if boxes[j, -2] == boxes[i, -2]]
        low = np.maximum(boxes[same, :axes], boxes[i, :axes])
        high = np.minimum(boxes[same, axes : 2 * axes], boxes[i, axes : 2 * axes])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        if not (common > MOST_OVERLAP * (volume[same] + volume[i] - common)).any():
            kept.append(i)
    return boxes[kept]


def _quick(outputs: torch.Tensor, targets: torch.Tensor) -> Quick:
    """Mean heat at the true centres: a cheap sign of life for the log."""
    k = outputs.shape[1] - 2 * (outputs.ndim - 2)
    centres = targets[:, :k] == 1
    return {"centre_heat": (torch.sigmoid(outputs[:, :k].float()).where(centres, 0.0).sum(), centres.sum())}


detection = Task(
    name="detection",
    said=("boxes", "objects", "outlines", "mask"),
    encode=coded,
    target=_target,
    truth=_truth,
    head=_head,
    loss="centre",
    activate=_activate,
    merge=Stitch,
    finish=_finish,
    metrics=("detection_ap", "detection_f1"),
    attend=channel,
    regrid=False,
    units=_units,
    quick=_quick,
)
