"""Residual networks (He et al., 2016), with the published names of their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, mean_to
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._head import answer
from sagittal.models._network import Network, flat

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_WIDTHS = (64, 128, 256, 512)
_STEMS = ("imagenet", "small")


@dataclass(frozen=True, slots=True)
class _Style:
    axes: int
    norm: str | None
    activation: str

    def conv(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Module:
        return conv(self.axes, inputs, outputs, kernel=kernel, stride=stride, bias=self.norm is None)

    def normed(self, channels: int) -> nn.Module:
        return norm_layer(self.norm, self.axes, channels)

    def shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module | None:
        if inputs == outputs and stride == 1:
            return None
        return nn.Sequential(self.conv(inputs, outputs, kernel=1, stride=stride), self.normed(outputs))


class _Basic(nn.Module):
    """Two 3-wide convolutions."""

    expansion = 1

    def __init__(self, style: _Style, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = style.conv(inputs, width, stride=stride)
        self.bn1 = style.normed(width)
        self.conv2 = style.conv(width, width)
        self.bn2 = style.normed(width)
        self.relu = activation_layer(style.activation)
        self.downsample = style.shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape divided by the stride."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        z: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return z


class _Bottleneck(nn.Module):
    """Narrow, 3-wide, and wide again; the stride is in the middle, as in the published weights, not first as in the article."""

    expansion = 4

    def __init__(self, style: _Style, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = style.conv(inputs, width, kernel=1)
        self.bn1 = style.normed(width)
        self.conv2 = style.conv(width, width, stride=stride)
        self.bn2 = style.normed(width)
        self.conv3 = style.conv(width, outputs, kernel=1)
        self.bn3 = style.normed(outputs)
        self.relu = activation_layer(style.activation)
        self.downsample = style.shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape divided by the stride."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        z: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return z


class _Resnet(Network):
    def __init__(self, style: _Style, layers: Sequence[nn.Module], last: nn.Module, *, channels: int, outputs: int, small: bool) -> None:
        super().__init__(axes=style.axes, channels=channels, outputs=outputs)
        self.conv1 = style.conv(channels, _WIDTHS[0], kernel=3 if small else 7, stride=1 if small else 2)
        self.bn1 = style.normed(_WIDTHS[0])
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
        depth: 18, 34, 50, 101 or 152.
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
    if depth not in _BLOCKS:
        raise UsageError("DEPTH", depth, "there is no ResNet of this depth", f"choose one of: {', '.join(map(str, _BLOCKS))}")
    if stem not in _STEMS:
        raise UsageError("UNKNOWN_STEM", stem, "there is no stem of this name", nearest(stem, _STEMS))
    style = _Style(axes, norm, activation)
    block: Callable[..., nn.Module] = _Basic if depth < 50 else _Bottleneck
    expansion = _Basic.expansion if depth < 50 else _Bottleneck.expansion

    def layer(index: int, inputs: int) -> nn.Module:
        width, stride = _WIDTHS[index], 1 if index == 0 else 2
        rest = [block(style, width * expansion, width, stride=1) for _ in range(_BLOCKS[depth][index] - 1)]
        return nn.Sequential(block(style, inputs, width, stride=stride), *rest)

    def make() -> _Resnet:
        inputs = [_WIDTHS[0], *(width * expansion for width in _WIDTHS)]
        layers = [layer(i, inputs[i]) for i in range(len(_WIDTHS))]
        last = answer(inputs[-1], outputs, hidden=head, dropout=dropout, activation=activation)
        return _Resnet(style, layers, last, channels=channels, outputs=outputs, small=stem == "small")

    network = built(make, generator)
    if axes == 2 and activation == "relu" and norm == "batch" and stem == "imagenet" and channels in {1, 3}:
        network.published = f"resnet{depth}"
    return network
