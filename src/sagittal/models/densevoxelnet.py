"""DenseVoxNet (Yu et al., 2017): two dense blocks, and a second answer from the first one in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation
from sagittal.models._blocks.dense_layers import block
from sagittal.models._blocks.layers import conv, max_pool, upconv
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_FIRST = 16
_GROWTHS = (12,) * 12
_MIDDLE = 128
_LAST = 64


class _Body(nn.Module):
    def __init__(self, axes: int, channels: int, *, rate: float, norm: str | None) -> None:
        super().__init__()
        self.first = conv(axes, channels, _FIRST, kernel=1, stride=2, bias=False)
        self.dense1, n = block(axes, _FIRST, _GROWTHS, rate=rate, norm=norm)
        self.narrow = nn.Sequential(norm_layer(norm, axes, n), activation("relu"), conv(axes, n, n, kernel=1))
        self.pool = max_pool(axes)
        self.side = upconv(axes, n, _LAST)
        self.dense2, n = block(axes, n, _GROWTHS, rate=rate, norm=norm)
        self.up = nn.Sequential(
            norm_layer(norm, axes, n),
            activation("relu"),
            conv(axes, n, n, kernel=1, bias=False),
            upconv(axes, n, _MIDDLE),
            upconv(axes, _MIDDLE, _LAST),
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """``(B, channels, *shape) -> (B, 64, *shape)``; in training a second time, from half way."""
        half = self.narrow(self.dense1(self.first(x)))
        features: Tensor = self.up(self.dense2(self.pool(half)))
        return (features, self.side(half)) if self.training else features


def densevoxelnet(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    norm: str | None = "batch",
    dropout: float = 0.2,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``; sizes must be multiples of 4.

    MedicalZoo's DENSEVOXELNET, of 1,783,296 parameters with 2 channels and 4 outputs: its first convolution is 1-wide and
    sees every second sample along each axis alone, and both answers share the last layer. In training the second answer has a
    third of the loss, in evaluation there is one; MedicalZoo gives both always.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        dropout: Behind each dense layer.
        generator: For the starting weights.

    >>> network = densevoxelnet(channels=2, outputs=4, axes=2)
    >>> len(network(torch.zeros(2, 2, 8, 4))), network.eval()(torch.zeros(2, 2, 8, 4)).shape
    (2, torch.Size([2, 4, 8, 4]))
    """

    def make() -> Dense:
        last = conv(axes, _LAST, outputs, kernel=1, bias=False)
        body = _Body(axes, channels, rate=dropout, norm=norm)
        return Dense(body, last, axes=axes, channels=channels, outputs=outputs, multiple=4, several="deep")

    return built(make, generator)
