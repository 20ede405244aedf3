"""Residual networks (He et al., 2016), with the published names of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import max_pool, mean_to
from sagittal.models._blocks.residual import BLOCKS, WIDTHS, ResidualStyle
from sagittal.models._blocks.weights import built
from sagittal.models._head import answer
from sagittal.models._network import Network, flat

_STEMS = ("imagenet", "small")


class _Resnet(Network):
    def __init__(
        self, style: ResidualStyle, layers: Sequence[nn.Module], last: nn.Module, *, channels: int, outputs: int, small: bool
    ) -> None:
        super().__init__(axes=style.axes, channels=channels, outputs=outputs)
        self.conv1 = style.conv(channels, WIDTHS[0], kernel=3 if small else 7, stride=1 if small else 2)
        self.bn1 = style.normed(WIDTHS[0])
        self.relu = activation_layer(style.activation)
        self.maxpool = nn.Identity() if small else max_pool(style.axes, kernel=3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.avgpool = mean_to(style.axes, 1)
        self.fc = last

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """``stem``, ``layer1`` to ``layer4``, ``pool``, ``head``."""
        return [
            ("stem", nn.Sequential(self.conv1, self.bn1, self.relu, self.maxpool)),
            ("layer1", self.layer1),
            ("layer2", self.layer2),
            ("layer3", self.layer3),
            ("layer4", self.layer4),
            ("pool", nn.Sequential(self.avgpool, flat())),
            ("head", self.fc),
        ]


def resnet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    depth: int = 18,
    norm: str | None = "batch",
    activation: str = "relu",
    stem: Literal["imagenet", "small"] = "imagenet",
    head: Sequence[int] = (),
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A ResNet classifier: ``(B, channels, *shape) -> (B, outputs)``.

    Args:
        channels: Of the input; 3 for published weights.
        outputs: Logits.
        axes: 1, 2 or 3.
        depth: 10 (no published weights), 18, 34, 50, 101 or 152.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        stem: ``imagenet`` makes the grid four times coarser first, ``small`` keeps it (pictures of 28 or 32 pixels).
        head: Widths of hidden layers before the answer.
        dropout: In the head.
        generator: For the starting weights.

    Raises:
        UsageError: There is no net of this depth.

    >>> resnet(channels=1, outputs=2)(torch.zeros(1, 1, 64, 48)).shape
    torch.Size([1, 2])
    """
    if depth not in BLOCKS:
        raise UsageError("DEPTH", depth, "there is no ResNet of this depth", f"choose one of: {', '.join(map(str, BLOCKS))}")
    if stem not in _STEMS:
        raise UsageError("UNKNOWN_STEM", stem, "there is no stem of this name", nearest(stem, _STEMS))
    style = ResidualStyle(axes, norm, activation)

    def make() -> _Resnet:
        layers, n = [], WIDTHS[0]
        for i in range(len(WIDTHS)):
            layer, n = style.layer(depth, i, n, stride=1 if i == 0 else 2)
            layers.append(layer)
        last = answer(n, outputs, hidden=head, dropout=dropout, activation=activation)
        return _Resnet(style, layers, last, channels=channels, outputs=outputs, small=stem == "small")

    network = built(make, generator)
    if axes == 2 and activation == "relu" and norm == "batch" and stem == "imagenet" and channels in {1, 3} and depth > 10:
        network.published = f"resnet{depth}"
    return network
