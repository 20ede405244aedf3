"""U-Net (Ronneberger et al., 2015; in 3-D Çiçek et al., 2016), small by default; residual, deeply supervised, anisotropic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.context import Added, ContextBody
from sagittal.models._blocks.layers import Lengths, conv, lengths, max_pool, upconv
from sagittal.models._blocks.layers import dropout as dropout_layer
from sagittal.models._blocks.levels import Larger, Levels, Residual, Style, Up
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_LAYOUTS = ("plain", "residual", "article", "context")
_UPS = ("transposed", "linear")


def unet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    widths: Sequence[int] = (16, 32, 64, 128),
    layout: Literal["plain", "residual", "article", "context"] = "plain",
    blocks: int | Sequence[int] = 1,
    kernels: Sequence[Lengths] | None = None,
    strides: Sequence[Lengths] | None = None,
    up: Literal["transposed", "linear"] = "transposed",
    deep_supervision: bool = False,
    norm: str | None = "batch",
    activation: str = "relu",
    bias: bool = False,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``.

    Two 3-wide convolutions a level, pooling by 2 on the way down, transposed convolutions on the way up. Pooling and not a
    strided convolution, whose weight gradient can be 30 times slower on a CPU.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        widths: Channels of each level; sizes must be multiples of ``2 ** (levels - 1)``.
        layout: ``plain``; ``residual``: residual blocks on the way down; ``article``: channels double before pooling and
            not behind it, as Çiçek et al. have it (``widths=[64, 128, 256, 512]``); ``context``: the network of Isensee et
            al. (2017), MedicalZoo's UNET3D with ``widths=[8, 16, 32, 64, 128]``, ``norm="instance"``, ``activation="leaky"``
            and ``dropout=.6``. As there, the two convolutions of a residual share their weights; the article's do not.
        blocks: Pairs of convolutions, or residual blocks, of each level on the way down.
        kernels: Of the convolutions of each level, as ``[[1, 3, 3], 3, 3, 3]`` for thick slices; 3 by default.
        strides: From each level to the next, as ``[[1, 2, 2], 2, 2]``; 2 by default.
        up: ``linear`` interpolates and has no weights: ``widths=[64, 128, 256, 512, 512]``, ``bias=True`` is MedicalZoo's UNET2D.
        deep_supervision: In training every level of the way up answers, see ``losses/_deep.py``.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        bias: Convolutions before a norm have one too, without effect: for weights that have them.
        dropout: Of whole channels, at the deepest level (``context``: in every residual).
        generator: For the starting weights.

    Raises:
        UsageError: An unknown layout, or lists of another length than there are levels.

    >>> unet(channels=1, outputs=3, axes=3, widths=(4, 8))(torch.zeros(1, 1, 8, 8, 4)).shape
    torch.Size([1, 3, 8, 8, 4])
    """
    if layout not in _LAYOUTS:
        raise UsageError("UNKNOWN_LAYOUT", layout, "there is no U-Net of this layout", nearest(layout, _LAYOUTS))
    if up not in _UPS:
        raise UsageError("UNKNOWN_UP", up, "there is no such way up", nearest(up, _UPS))
    style = Style(axes, norm, activation, bias)
    if layout == "context":
        if len(widths) != 5 or deep_supervision or kernels is not None or strides is not None:
            what = "has five levels of its own kernels and strides, and adds its coarser answers up"
            raise UsageError("LAYOUT", "context", what, "set widths alone, to five numbers")
        return built(lambda: _context(style, channels, outputs, widths, dropout=dropout), generator)
    steps = _each(strides, len(widths) - 1, axes, "strides", default=2)
    sizes = _each(kernels, len(widths), axes, "kernels", default=3)
    repeats = [blocks] * len(widths) if isinstance(blocks, int) else list(blocks)
    if len(repeats) != len(widths):
        raise UsageError("LEVELS", "blocks", f"{len(repeats)} numbers for {len(widths)} levels", "give one a level")

    def level(inputs: int, i: int) -> list[nn.Module]:
        width, kernel = widths[i], sizes[i]
        middle = max(1, width // 2) if layout == "article" else width
        layers: list[nn.Module] = []
        for n in (inputs, *[width] * (repeats[i] - 1)):
            layers += [Residual(style, n, width, kernel=kernel)] if layout == "residual" else style.pair(n, middle, width, kernel=kernel)
            middle = width
        return layers

    def rise(i: int, arriving: int) -> tuple[Up, int]:
        """The way up to level ``i``, and how many channels it hands on."""
        width = widths[max(0, i - 1)] if up == "linear" else widths[i]
        kept = arriving if up == "linear" or layout == "article" else widths[i]
        larger = Larger(steps[i]) if up == "linear" else upconv(axes, arriving, kept, factor=steps[i])
        return Up(larger, nn.Sequential(*style.pair(kept + widths[i], width, width, kernel=sizes[i]))), width

    def make() -> Dense:
        down = [nn.Sequential(*level(channels, 0))]
        down += [nn.Sequential(max_pool(axes, kernel=steps[i]), *level(a, i + 1)) for i, a in enumerate(widths[:-1])]
        if dropout:
            down[-1].append(dropout_layer(axes, dropout))
        rises, found, arriving = [], [], widths[-1]
        for i in reversed(range(len(widths) - 1)):
            risen, arriving = rise(i, arriving)
            rises.append(risen)
            found.append(arriving)
        others = [conv(axes, n, outputs, kernel=1) for n in reversed(found[:-1])] if deep_supervision else []
        return Dense(
            Levels(down, rises, deep=bool(others)),
            conv(axes, arriving, outputs, kernel=1),
            axes=axes,
            channels=channels,
            outputs=outputs,
            multiple=[math.prod(step[axis] for step in steps) for axis in range(axes)],
            several="deep" if others else None,
            others=others,
        )

    return built(make, generator)


def _each(given: Sequence[Lengths] | None, levels: int, axes: int, name: str, *, default: int) -> list[tuple[int, ...]]:
    """A length an axis for each level."""
    if given is None:
        return [lengths(default, axes)] * levels
    if len(given) != levels:
        raise UsageError("LEVELS", name, f"{len(given)} entries, where {levels} belong", f"give {levels} entries")
    return [lengths(one, axes) for one in given]


def _context(style: Style, channels: int, outputs: int, widths: Sequence[int], *, dropout: float) -> Dense:
    if any(b != 2 * a for a, b in itertools.pairwise(widths)):
        raise UsageError("LEVELS", "widths", f"{list(widths)} do not double", "set widths: [8, 16, 32, 64, 128]")
    body = ContextBody(style, channels, outputs, widths, rate=dropout)
    last = Added(style.axes, 2 * widths[0], outputs)
    return Dense(body, last, axes=style.axes, channels=channels, outputs=outputs, multiple=16)
