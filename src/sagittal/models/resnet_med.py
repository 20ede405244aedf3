"""Med3D (Chen et al., 2019): a residual network that is dilated instead of made coarser, and a way back to the full grid."""

from __future__ import annotations

import torch
from torch import nn

from sagittal.errors import UsageError
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, upconv
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.residual import BLOCKS, WIDTHS, ResidualStyle
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_UP = 256
_LAST = 128


class _Body(nn.Sequential):
    """Stem, four layers and the way back, with the published names of their weights."""


def resnet_med(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    depth: int = 18,
    norm: str | None = "batch",
    activation: str = "relu",
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``; sizes must be multiples of 8.

    MedicalZoo's RESNETMED3D, of 36,166,912 parameters with depth 18, 2 channels and 4 outputs. Both convolutions of a
    block in layers 3 and 4 are dilated, by 2 and 4, as in the article's published network; MedicalZoo dilates the first of two,
    and none of a bottleneck. The way back is three transposed convolutions, by 2 each.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        depth: 10, 18, 34, 50, 101 or 152.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        generator: For the starting weights.

    Raises:
        UsageError: There is no net of this depth.

    >>> resnet_med(channels=2, outputs=4, axes=2, depth=10).eval()(torch.zeros(1, 2, 16, 8)).shape
    torch.Size([1, 4, 16, 8])
    """
    if depth not in BLOCKS:
        raise UsageError("DEPTH", depth, "there is no network of this depth", f"choose one of: {', '.join(map(str, BLOCKS))}")
    style = ResidualStyle(axes, norm, activation)

    def behind(n: int) -> list[nn.Module]:
        return [norm_layer(norm, axes, n), activation_layer(activation)]

    def make() -> Dense:
        body = _Body()
        body.add_module("conv1", style.conv(channels, WIDTHS[0], kernel=7, stride=2))
        body.add_module("bn1", style.normed(WIDTHS[0]))
        body.add_module("relu", activation_layer(activation))
        body.add_module("maxpool", max_pool(axes, kernel=3, stride=2, padding=1))
        n = WIDTHS[0]
        for i, (stride, dilation) in enumerate(((1, 1), (2, 1), (1, 2), (1, 4))):
            layer, n = style.layer(depth, i, n, stride=stride, dilation=dilation)
            body.add_module(f"layer{i + 1}", layer)
        ups: list[nn.Module] = []
        for inputs in (n, _UP, _UP):
            ups += [upconv(axes, inputs, _UP), *behind(_UP)]
        body.add_module("up", nn.Sequential(*ups, style.conv(_UP, _LAST), *behind(_LAST)))
        last = conv(axes, _LAST, outputs, kernel=1, bias=False)
        return Dense(body, last, axes=axes, channels=channels, outputs=outputs, multiple=8)

    return built(make, generator)
