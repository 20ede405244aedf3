"""A batch read through its maps on the device where it lies: what the kernels do on a processor, for graphics cards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from sagittal.ops import _spline
from sagittal.ops.warp import Order, ReadMap

MODES: dict[Order, str] = {"linear": "bilinear", "nearest": "nearest"}


def read_batch(values: torch.Tensor, maps: Sequence[ReadMap], *, order: Order = "linear") -> torch.Tensor:
    """Each sample of a batch through its own map; off the grid the nearest edge.

    Linear values are those of :func:`sagittal.ops.warp.gather` without antialiasing, within float32's rounding of the
    coordinates. ``nearest`` takes the even neighbour halfway between two samples, where the kernels take the one of
    the higher index.

    Args:
        values: Floating, ``(B, C, *source)`` with two or three axes, on any device.
        maps: One a sample, all onto the same shape.
        order: ``linear`` for images, ``nearest`` for label maps (as floats).

    Returns:
        ``(B, C, *shape)``, of the values' type and device.

    Raises:
        ValueError: Batch and maps do not go together.

    >>> turned = ReadMap((2, 2), np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]))
    >>> read_batch(torch.arange(4.0).reshape(1, 1, 2, 2), [turned]).flatten().tolist()
    [2.0, 3.0, 0.0, 1.0]
    """
    shapes = {m.shape for m in maps}
    source = tuple(values.shape[2:])
    if len(maps) != len(values) or {len(s) for s in shapes} != {len(source)} or len(shapes) > 1 or len(source) not in {2, 3}:
        raise ValueError(f"{len(maps)} maps onto {sorted(shapes)} do not fit values of shape {tuple(values.shape)}")
    shape = maps[0].shape
    steps = [_steps(m, source) for m in maps]
    theta = torch.as_tensor(np.stack([t for t, _ in steps]), dtype=torch.float32).to(values.device, non_blocking=True)
    grid = _straight(theta, shape)
    for n, through in enumerate(maps):
        if through.field is not None:
            linear = torch.as_tensor(steps[n][1], dtype=torch.float32).to(values.device, non_blocking=True)
            grid[n] += torch.tensordot(_displacement(through.field, shape, values.device), linear, dims=([0], [1]))
    return functional.grid_sample(values, grid.to(values.dtype), mode=MODES[order], padding_mode="border", align_corners=True)


def _steps(through: ReadMap, source: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The map between coordinates that torch counts from -1 to 1, the last axis first; and from target samples to those of the source."""
    n = through.axes
    to_samples, to_unit = np.eye(n + 1), np.eye(n + 1)
    for axis, (m, s) in enumerate(zip(through.shape, source, strict=True)):
        to_samples[axis, axis] = to_samples[axis, n] = (m - 1) / 2
        # An axis of one sample has no length: whatever is asked for, it is that sample.
        to_unit[axis, axis], to_unit[axis, n] = (2 / (s - 1), -1.0) if s > 1 else (0.0, 0.0)
    whole = to_unit @ through.affine @ to_samples
    last_first = [*range(n - 1, -1, -1), n]
    straight: NDArray[np.float64] = whole[last_first][:, last_first][:n]
    moved: NDArray[np.float64] = (to_unit @ through.affine)[:n, :n][::-1].copy()
    return straight, moved


def _straight(theta: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """``(B, *shape, n)`` of maps ``(B, n, n + 1)``; as torch's ``affine_grid``, which warns where an axis has one sample."""
    n = len(shape)
    wide = [len(theta), *[1] * n, n]
    grid = theta[:, :, n].reshape(wide).expand(len(theta), *shape, n).clone()
    for axis, samples in enumerate(shape):
        at = torch.linspace(-1, 1, samples, device=theta.device) if samples > 1 else torch.zeros(1, device=theta.device)
        grid += theta[:, :, n - 1 - axis].reshape(wide) * at.reshape([samples if a == axis + 1 else 1 for a in range(n + 2)])
    return grid


def _displacement(field: NDArray[np.float64], shape: Sequence[int], device: torch.device) -> torch.Tensor:
    """Control displacements on all samples, ``(n, *shape)``, along one axis after the other."""
    spread = torch.as_tensor(field.astype(np.float32)).to(device, non_blocking=True)
    for axis, samples in enumerate(shape):
        weights = _spline.matrix(samples=samples, controls=field.shape[axis + 1]).astype(np.float32)
        along = torch.as_tensor(weights).to(device, non_blocking=True)
        spread = torch.movedim(torch.tensordot(spread, along, dims=([axis + 1], [1])), -1, axis + 1)
    return spread
