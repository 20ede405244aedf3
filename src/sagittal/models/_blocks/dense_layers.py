"""What networks of dense connections share: a layer whose output joins its input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv
from sagittal.models._blocks.layers import norm as norm_layer


class Grown(nn.Module):
    """What came in, and what some layers make of it, as more channels."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, *shape) -> (B, inputs + growth, *shape)``."""
        return torch.cat([x, self.layers(x)], dim=1)


def grown(axes: int, inputs: int, growth: int, *, rate: float, bottleneck: int = 0, norm: str | None = "batch") -> Grown:
    """Norm, ReLU, a 3-wide convolution and dropout; with a ``bottleneck`` a 1-wide convolution to so many channels before."""
    layers: list[nn.Module] = []
    for n, width, kernel in [(inputs, bottleneck, 1)] * (bottleneck > 0) + [(bottleneck or inputs, growth, 3)]:
        layers += [norm_layer(norm, axes, n), activation_layer("relu"), conv(axes, n, width, kernel=kernel, bias=False)]
    return Grown(*layers, nn.Dropout(rate))


def block(
    axes: int, inputs: int, growths: Sequence[int], *, rate: float, bottleneck: int = 0, norm: str | None = "batch"
) -> tuple[nn.Sequential, int]:
    """Such layers in a row, and how many channels come out."""
    layers = []
    for growth in growths:
        layers.append(grown(axes, inputs, growth, rate=rate, bottleneck=bottleneck, norm=norm))
        inputs += growth
    return nn.Sequential(*layers), inputs
