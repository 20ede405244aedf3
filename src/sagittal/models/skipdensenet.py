"""3D-SkipDenseSeg (Bui et al., 2017): dense blocks on ever coarser grids, each stretched to the full grid at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation
from sagittal.models._blocks.dense_layers import block
from sagittal.models._blocks.layers import conv, upconv
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_BLOCKS = (4, 4, 4, 4)
_FIRST = 32
_GROWTH = 16


class _Body(nn.Module):
    """The first features and the answers of four blocks, side by side."""

    def __init__(self, axes: int, channels: int, outputs: int, *, rate: float, norm: str | None) -> None:
        super().__init__()

        def before(n: int) -> list[nn.Module]:
            return [norm_layer(norm, axes, n), activation("relu")]

        def half(n: int, *, bias: bool) -> nn.Module:
            return conv(axes, n, n, kernel=2, stride=2, bias=bias)

        self.first = nn.Sequential(
            conv(axes, channels, _FIRST, bias=False),
            *before(_FIRST),
            conv(axes, _FIRST, _FIRST, bias=False),
            *before(_FIRST),
            conv(axes, _FIRST, _FIRST, bias=False),
        )
        self.downs = nn.ModuleList([nn.Sequential(*before(_FIRST), half(_FIRST, bias=False))])
        self.blocks, self.ups = nn.ModuleList(), nn.ModuleList()
        n = _FIRST
        for i, repeats in enumerate(_BLOCKS):
            dense, n = block(axes, n, [_GROWTH] * repeats, rate=rate, bottleneck=4 * _GROWTH, norm=norm)
            self.blocks.append(dense)
            factor = 2 ** (i + 1)
            # a group an output, as in the original, where the channels can be shared out so
            groups = outputs if n % outputs == 0 else 1
            self.ups.append(upconv(axes, n, outputs, factor=factor, kernel=factor + 2, groups=groups, bias=False))
            if i + 1 < len(_BLOCKS):
                narrow = conv(axes, n, n // 2, kernel=1, bias=False)
                self.downs.append(nn.Sequential(*before(n), narrow, *before(n // 2), half(n // 2, bias=True)))
                n //= 2
        self.features = _FIRST + outputs * len(_BLOCKS)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, *shape) -> (B, features, *shape)``."""
        first = x = self.first(x)
        found: list[Tensor] = []
        for down, dense, up in zip(self.downs, self.blocks, self.ups, strict=True):
            x = dense(down(x))
            found.append(up(x))
        return torch.cat([*found, first], dim=1)


def skipdensenet(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    norm: str | None = "batch",
    dropout: float = 0.1,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``; sizes must be multiples of 16.

    MedicalZoo's SKIPDENSENET3D, of 1,552,256 parameters with 2 channels and 4 outputs. The coarser grids are reached by
    convolutions, not by pooling. The transposed convolutions have a group for each output; where the channels are no
    multiple of the outputs (there MedicalZoo's cannot be made), they have one.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        dropout: Behind each dense layer.
        generator: For the starting weights.

    >>> skipdensenet(channels=2, outputs=3, axes=2)(torch.zeros(2, 2, 16, 32)).shape
    torch.Size([2, 3, 16, 32])
    """

    def make() -> Dense:
        body = _Body(axes, channels, outputs, rate=dropout, norm=norm)
        last = nn.Sequential(norm_layer(norm, axes, body.features), activation("relu"), conv(axes, body.features, outputs, kernel=1))
        return Dense(body, last, axes=axes, channels=channels, outputs=outputs, multiple=16)

    return built(make, generator)
