"""Densely connected networks (Huang et al., 2017), with the published names of their weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, mean_pool, mean_to
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._head import answer
from sagittal.models._network import Network, flat

_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
_FIRST = 64
_GROWTH = 32
_BOTTLENECK = 4 * _GROWTH


class _DenseLayer(nn.Module):
    def __init__(self, axes: int, inputs: int, *, norm: str | None, activation: str) -> None:
        super().__init__()
        self.norm1 = norm_layer(norm, axes, inputs)
        self.relu1 = activation_layer(activation)
        self.conv1 = conv(axes, inputs, _BOTTLENECK, kernel=1, bias=False)
        self.norm2 = norm_layer(norm, axes, _BOTTLENECK)
        self.relu2 = activation_layer(activation)
        self.conv2 = conv(axes, _BOTTLENECK, _GROWTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, *shape) -> (B, inputs + growth, *shape)``."""
        y = self.conv1(self.relu1(self.norm1(x)))
        y = self.conv2(self.relu2(self.norm2(y)))
        return torch.cat([x, y], dim=1)


class _Densenet(Network):
    def __init__(self, features: nn.Sequential, last: nn.Module, *, activation: str, axes: int, channels: int, outputs: int) -> None:
        super().__init__(axes=axes, channels=channels, outputs=outputs, smallest=32)
        self.features = features
        self.relu = activation_layer(activation)
        self.avgpool = mean_to(axes, 1)
        self.classifier = last

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """``stem``, ``block1``, ``transition1`` ... ``block4``, ``pool``, ``head``."""
        parts = dict(self.features.named_children())
        stem = [parts[name] for name in ("conv0", "norm0", "relu0", "pool0")]
        inner = [(n.replace("dense", ""), m) for n, m in parts.items() if n.startswith(("denseblock", "transition"))]
        pool = nn.Sequential(parts["norm5"], self.relu, self.avgpool, flat())
        return [("stem", nn.Sequential(*stem)), *inner, ("pool", pool), ("head", self.classifier)]


def densenet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    depth: int = 121,
    norm: str | None = "batch",
    activation: str = "relu",
    head: Sequence[int] = (),
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A DenseNet classifier: ``(B, channels, *shape) -> (B, outputs)``.

    Args:
        channels: Of the input; 3 for published weights.
        outputs: Logits.
        axes: 1, 2 or 3.
        depth: 121, 169 or 201.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        head: Widths of hidden layers before the answer.
        dropout: In the head.
        generator: For the starting weights.

    Raises:
        UsageError: There is no net of this depth.

    >>> densenet(channels=1, outputs=2).eval()(torch.zeros(1, 1, 32, 48)).shape
    torch.Size([1, 2])
    """
    if depth not in _BLOCKS:
        raise UsageError("DEPTH", depth, "there is no DenseNet of this depth", f"choose one of: {', '.join(map(str, _BLOCKS))}")

    def dense(inputs: int, repeats: int) -> nn.Sequential:
        block = nn.Sequential()
        for i in range(repeats):
            block.add_module(f"denselayer{i + 1}", _DenseLayer(axes, inputs + i * _GROWTH, norm=norm, activation=activation))
        return block

    def transition(inputs: int) -> nn.Sequential:
        part = nn.Sequential()
        part.add_module("norm", norm_layer(norm, axes, inputs))
        part.add_module("relu", activation_layer(activation))
        part.add_module("conv", conv(axes, inputs, inputs // 2, kernel=1, bias=False))
        part.add_module("pool", mean_pool(axes))
        return part

    def make() -> _Densenet:
        features = nn.Sequential()
        features.add_module("conv0", conv(axes, channels, _FIRST, kernel=7, stride=2, bias=False))
        features.add_module("norm0", norm_layer(norm, axes, _FIRST))
        features.add_module("relu0", activation_layer(activation))
        features.add_module("pool0", max_pool(axes, kernel=3, stride=2, padding=1))
        width = _FIRST
        for i, repeats in enumerate(_BLOCKS[depth], 1):
            features.add_module(f"denseblock{i}", dense(width, repeats))
            width += repeats * _GROWTH
            if i < len(_BLOCKS[depth]):
                features.add_module(f"transition{i}", transition(width))
                width //= 2
        features.add_module("norm5", norm_layer(norm, axes, width))
        last = answer(width, outputs, hidden=head, dropout=dropout, activation=activation)
        return _Densenet(features, last, activation=activation, axes=axes, channels=channels, outputs=outputs)

    network = built(make, generator)
    if axes == 2 and activation == "relu" and norm == "batch" and channels in {1, 3}:
        network.published = f"densenet{depth}"
    return network
