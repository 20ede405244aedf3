"""A batch read through its maps on the device where it lies: what the kernels do on a processor, for graphics cards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from sagittal.data.batch import Batch
from sagittal.data.streams import INTENSITY
from sagittal.data.unread import Maps, UnreadBatch
from sagittal.engine.plan import Plan
from sagittal.errors import UsageError
from sagittal.ops import _spline
from sagittal.ops.randomness import generator
from sagittal.transforms._compose import Augmentation
from sagittal.windows._windowing import Thin

VOLUME = 3
"""Axes of what a GPU reads unless it is told."""

VARIED = "networks side by side see samples that are changed in several ways: they are read by the workers"

OFF = -1
"""What stands for labels off the grid."""


def reading_for(plan: Plan, augmentation: Augmentation | None, device: torch.device) -> Reading | None:
    """Whoever reads the training batches of a plan on a device; None where the workers do.

    ``auto`` reads volumes on a CUDA device. Pictures are read while they are decoded, straight from their bytes; and on a
    CPU the kernels of the workers are the faster ones.

    Raises:
        UsageError: The plan asks for a device that cannot.
    """
    wish, axes = plan.feeding.gather, plan.preparation.axes
    why = VARIED if plan.varied else obstacle(augmentation, axes)
    if wish == "device" and why:
        raise UsageError("GATHER", "train.gather", why, "set train.gather: auto")
    if wish == "workers" or why or augmentation is None or (wish == "auto" and not (device.type == "cuda" and axes == VOLUME)):
        return None
    return Reading(augmentation=augmentation, seed=plan.seed, thin=plan.windowing.thin, device=device)


def obstacle(augmentation: Augmentation | None, axes: int) -> str:
    """Why no device can read such training batches; empty where it can.

    >>> obstacle(Augmentation.of({"flip": True, "mixup": 0.3}), 2)
    'mixup has no version for tensors: samples are read by the workers'
    """
    if augmentation is None or not axes:
        return "nothing moves or changes the samples" if augmentation is None else "the rows of a table are not read through maps"
    known = augmentation.for_workers
    verb = "has" if len(known) == 1 else "have"
    return f"{' and '.join(known)} {verb} no version for tensors: samples are read by the workers" if known else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Reads the batches of a run on its device: gathers images and labels, then changes intensities.

    Random numbers are those that the workers would draw, so that the same seed, epoch and index give the same sample
    wherever it is read: images within 1e-4, labels but for the rare place that rounding puts between two samples.

    Args:
        augmentation: Of the run; all its intensities have a version for tensors.
        seed: Of the run.
        thin: How windows of one slice become pictures.
        device: Where the batch is read.
    """

    augmentation: Augmentation
    seed: int
    thin: Thin | None
    device: torch.device

    @torch.no_grad()
    def __call__(self, batch: UnreadBatch) -> Batch:
        """The batch, its images and targets on the device."""
        grid = places(batch.maps, self.device)
        images = read_values(self._sent(batch.values).float(), grid)
        targets = batch.targets
        if batch.labels is not None:
            on = grid if batch.label_maps is None else places(batch.label_maps, self.device)
            targets = read_labels(self._sent(batch.labels), on)
            targets = targets if self.thin is None else targets.squeeze(self.thin.axis + 1)
        if targets is None:
            raise ValueError("a batch has targets, or labels from which they are read")
        low, steepness, mean, precision = self._sent(batch.scale).unbind(dim=1)
        images.sub_(low).mul_(steepness)
        for n, key in enumerate(batch.keys if self.augmentation.intensity else ()):
            images[n] = self.augmentation.intensities_of_tensor(images[n], generator(self.seed, key.epoch, key.index, INTENSITY))
        images.sub_(mean).mul_(precision)
        return Batch(images=self._folded(images), targets=self._sent(targets), weights=batch.weights, ids=batch.ids)

    def _sent(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _folded(self, images: Tensor) -> Tensor:
        """Slices that lie side by side as channels."""
        if self.thin is None:
            return images
        moved = images.movedim(self.thin.axis + 2, 2)
        return moved.reshape(len(moved), -1, *moved.shape[3:])


def places(maps: Maps, device: torch.device) -> Tensor:
    """Where each target sample is read: source indices ``(B, n, *shape)`` in float64, in which halves are halves as in the kernels."""
    affine = maps.affine.to(device, non_blocking=True)
    n = len(maps.shape)
    counts = [torch.arange(m, dtype=torch.float64, device=device) for m in maps.shape]
    axes = [count.reshape([len(count) if a == b else 1 for b in range(n)]) for a, count in enumerate(counts)]
    found = torch.empty((len(affine), n, *maps.shape), dtype=torch.float64, device=device)
    for at, one, field in zip(found, affine, maps.fields, strict=True):
        bent = [] if field is None else _displacement(field.to(device, non_blocking=True), maps.shape).unbind()
        moved = [a + d for a, d in zip(axes, bent, strict=True)] if bent else axes
        for row in range(n):
            at[row] = one[row, n]
            for column, along in enumerate(moved):
                at[row] += one[row, column] * along
    return found


def read_values(values: Tensor, at: Tensor) -> Tensor:
    """Values between samples, linearly; off the grid the nearest edge.

    They are those of :func:`sagittal.ops.warp.gather` without averaging, within float32's rounding of the coordinates.

    Args:
        values: Floating, ``(B, C, *source)`` with two or three axes.
        at: Of :func:`places`.

    Returns:
        ``(B, C, *shape)``.

    Raises:
        ValueError: Values and places do not go together.

    >>> import numpy as np
    >>> from sagittal.ops.warp import ReadMap
    >>> turned = Maps.of([ReadMap((2, 2), np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]))])
    >>> read_values(torch.arange(4.0).reshape(1, 1, 2, 2), places(turned, torch.device("cpu"))).flatten().tolist()
    [2.0, 3.0, 0.0, 1.0]
    """
    source = values.shape[2:]
    _check(len(values), source, at)
    # Torch counts from -1 to 1, the last axis first. An axis of one sample has no length: whatever is asked for, it is that sample.
    counted = [at[:, axis] * (2 / (s - 1)) - 1 if s > 1 else torch.zeros_like(at[:, axis]) for axis, s in enumerate(source)]
    grid = torch.stack(counted[::-1], dim=-1).to(values.dtype)
    return functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=True)


def read_labels(labels: Tensor, at: Tensor) -> Tensor:
    """The nearest label of every place, halfway the one of the higher index; -1 off the grid.

    Args:
        labels: Integers ``(B, *source)``.
        at: Of :func:`places`.

    Returns:
        int64 ``(B, *shape)``.

    Raises:
        ValueError: Labels and places do not go together.
    """
    source = labels.shape[1:]
    _check(len(labels), source, at)
    found = torch.zeros((len(at), *at.shape[2:]), dtype=torch.int64, device=at.device)
    off = torch.zeros_like(found, dtype=torch.bool)
    for axis, samples in enumerate(source):
        nearest = (at[:, axis] + 0.5).floor_()
        off |= (nearest < 0) | (nearest >= samples)
        found.mul_(samples).add_(nearest.clamp_(0, samples - 1).long())
    read = labels.flatten(1).gather(1, found.flatten(1)).long().reshape(found.shape)
    return read.masked_fill_(off, OFF)


def _check(count: int, source: torch.Size, at: Tensor) -> None:
    if len(at) != count or at.shape[1] != len(source) or len(source) not in {2, 3}:
        raise ValueError(f"places {tuple(at.shape)} do not fit {count} samples of shape {tuple(source)}")


def _displacement(field: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Control displacements on all samples, ``(n, *shape)``, along one axis after the other."""
    for axis, samples in enumerate(shape):
        weights = _weights(samples, field.shape[axis + 1], field.device)
        field = torch.tensordot(field, weights, dims=([axis + 1], [1])).movedim(-1, axis + 1)
    return field


@lru_cache(maxsize=32)
def _weights(samples: int, controls: int, device: torch.device) -> Tensor:
    return torch.from_numpy(_spline.matrix(samples=samples, controls=controls)).to(device)
