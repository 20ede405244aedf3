"""Convolution, pooling, norm and dropout for any number of axes: the one place that looks at it."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.fast import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d, InstanceNorm

_CONVOLUTIONS: tuple[type[nn.Module], ...] = (nn.Conv1d, Conv2d, Conv3d)
_TRANSPOSED: tuple[type[nn.Module], ...] = (nn.ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
_MAX: tuple[type[nn.Module], ...] = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_MEAN: tuple[type[nn.Module], ...] = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_ADAPTIVE: tuple[type[nn.Module], ...] = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
# A table's batch norm is the one for (B, C): BatchNorm1d takes both (B, C) and (B, C, n).
_BATCH: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_DROP: tuple[type[nn.Module], ...] = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""The kinds that an explainer looks for."""

NORMS = ("batch", "instance", "group")

Lengths = int | Sequence[int]
"""One number for all axes, or one for each."""


def _of(kinds: tuple[type[nn.Module], ...], axes: int, name: str) -> type[nn.Module]:
    if not 1 <= axes <= len(kinds):
        raise UsageError("AXES", f"axes={axes}", f"{name} needs 1, 2 or 3 axes", "choose mlp for tables")
    return kinds[axes - 1]


def conv(
    axes: int,
    inputs: int,
    outputs: int,
    *,
    kernel: Lengths = 3,
    stride: Lengths = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """A convolution ``(B, inputs, *shape) -> (B, outputs, *shape / stride)``, padded to keep the centre.

    An even kernel is not padded: with a stride of its own length it tiles the grid.

    >>> import torch
    >>> conv(2, 3, 8, stride=2)(torch.zeros(1, 3, 9, 8)).shape
    torch.Size([1, 8, 5, 4])
    >>> conv(3, 1, 2, kernel=(1, 3, 3), stride=(1, 2, 2))(torch.zeros(1, 1, 5, 8, 8)).shape
    torch.Size([1, 2, 5, 4, 4])
    """
    kind = _of(_CONVOLUTIONS, axes, "a convolution")
    sizes = lengths(kernel, axes)
    padding = tuple(dilation * ((k - 1) // 2) for k in sizes)
    return kind(
        inputs,
        outputs,
        kernel_size=sizes,
        stride=lengths(stride, axes),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


def upconv(
    axes: int, inputs: int, outputs: int, *, factor: Lengths = 2, kernel: Lengths | None = None, groups: int = 1, bias: bool = True
) -> nn.Module:
    """A transposed convolution that makes every axis ``factor`` times as long.

    Args:
        axes: 1, 2 or 3.
        inputs: Channels.
        outputs: Channels.
        factor: One number, or one an axis.
        kernel: ``factor`` (no overlap) or longer by an even number, which is cut off at the borders.
        groups: Of channels.
        bias: Added to each channel.
    """
    factors = lengths(factor, axes)
    sizes = factors if kernel is None else lengths(kernel, axes)
    padding = tuple((k - f) // 2 for k, f in zip(sizes, factors, strict=True))
    kind = _of(_TRANSPOSED, axes, "a transposed convolution")
    return kind(inputs, outputs, kernel_size=sizes, stride=factors, padding=padding, groups=groups, bias=bias)


def lengths(given: Lengths, axes: int) -> tuple[int, ...]:
    """A length for each axis.

    Raises:
        UsageError: Neither one number nor one an axis, or one below 1.

    >>> lengths(3, 2), lengths([1, 3, 3], 3)
    ((3, 3), (1, 3, 3))
    """
    found = (given,) * axes if isinstance(given, int) else tuple(given)
    if len(found) != axes or any(n < 1 for n in found):
        raise UsageError("LENGTHS", given, f"is not one length for each of {axes} axes", f"give one number, or a list of {axes}")
    return found


def max_pool(axes: int, *, kernel: Lengths = 2, stride: Lengths | None = None, padding: int = 0) -> nn.Module:
    """The largest of every ``kernel`` neighbours along each axis."""
    size = lengths(kernel, axes)
    return _of(_MAX, axes, "pooling")(kernel_size=size, stride=size if stride is None else lengths(stride, axes), padding=padding)


def mean_pool(axes: int, *, kernel: int = 2) -> nn.Module:
    """The mean of every ``kernel`` neighbours along each axis."""
    return _of(_MEAN, axes, "pooling")(kernel_size=kernel, stride=kernel)


def mean_to(axes: int, size: int) -> nn.Module:
    """Means over ``size`` equal parts of each axis: ``(B, C, *shape) -> (B, C, size, ...)``."""
    return _of(_ADAPTIVE, axes, "pooling")(size)


def resized(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Maps ``(B, C, *any)`` on a grid of another shape over the same extent, linear in between."""
    if not shape:
        return maps
    if maps.shape[2:] == tuple(shape):
        return maps
    mode = ("linear", "bilinear", "trilinear")[len(shape) - 1]
    return F.interpolate(maps, size=tuple(shape), mode=mode, align_corners=False)


def dropout(axes: int, rate: float) -> nn.Module:
    """Whole channels are dropped where there are axes, single features of a table."""
    return _of(_DROP, axes, "dropout")(rate) if axes else nn.Dropout(rate)


def norm(name: str | None, axes: int, channels: int, *, affine: bool = True) -> nn.Module:
    """Normalisation of ``channels``: ``batch``, ``instance`` or ``group`` (groups of about 16); ``None`` does nothing.

    Args:
        name: Its name.
        axes: Of the grid; 0 is a table.
        channels: How many.
        affine: Whether each channel learns a scale and an offset behind it.

    Raises:
        UsageError: There is no norm of this name, or none of its kind for tables.
    """
    if name is None or name == "none":
        return nn.Identity()
    if name == "batch":
        if not 0 <= axes < len(_BATCH):
            raise UsageError("AXES", f"axes={axes}", "batch norm knows 0 to 3 axes", "use data with at most 3 axes")
        return _BATCH[axes](channels, affine=affine)
    if name == "instance":
        if axes < 1:
            raise UsageError("AXES", f"axes={axes}", "instance norm needs an axis", "use norm: batch for tables")
        return InstanceNorm(channels, affine=affine)
    if name == "group":
        return nn.GroupNorm(_groups(channels), channels, affine=affine)
    raise UsageError("UNKNOWN_NORM", name, "there is no norm of this name", nearest(name, NORMS))


def _groups(channels: int) -> int:
    return max(g for g in range(1, max(1, channels // 16) + 1) if channels % g == 0)
