"""HighRes3DNet (Li et al., 2017): residual convolutions of growing dilation on the full grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv
from sagittal.models._blocks.layers import dropout as dropout_layer
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_STAGES = ((16, 1), (32, 2), (64, 4))
_BLOCKS = 3
_LAST = 80


class _Residual(nn.Module):
    """Two times norm, activation and a dilated convolution; channels that came in are padded with zeros on both sides."""

    def __init__(self, axes: int, inputs: int, width: int, *, dilation: int, norm: str | None, activation: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n in (inputs, width):
            layers += [norm_layer(norm, axes, n), activation_layer(activation), conv(axes, n, width, dilation=dilation)]
        self.layers = nn.Sequential(*layers)
        self._pad = ((width - inputs) // 2, width - inputs - (width - inputs) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, *shape) -> (B, width, *shape)``."""
        y: Tensor = self.layers(x)
        return y + (F.pad(x, (0, 0) * (x.dim() - 2) + self._pad) if any(self._pad) else x)


def highresnet(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    norm: str | None = "batch",
    activation: str = "relu",
    dropout: float = 0.5,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``, on the full grid throughout.

    MedicalZoo's HIGHRESNET, of 810,308 parameters with 2 channels and 4 outputs. It adds to a block's output that of the
    block before; here, as in the article, it is what came into the block.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        dropout: Of whole channels, before the answer.
        generator: For the starting weights.

    >>> highresnet(channels=2, outputs=4, axes=2)(torch.zeros(2, 2, 6, 9)).shape
    torch.Size([2, 4, 6, 9])
    """

    def make() -> Dense:
        n = _STAGES[0][0]
        stages: list[nn.Module] = [nn.Sequential(conv(axes, channels, n), norm_layer(norm, axes, n), activation_layer(activation))]
        for width, dilation in _STAGES:
            stage = []
            for _ in range(_BLOCKS):
                stage.append(_Residual(axes, n, width, dilation=dilation, norm=norm, activation=activation))
                n = width
            stages.append(nn.Sequential(*stage))
        stages.append(
            nn.Sequential(
                conv(axes, n, _LAST, kernel=1), dropout_layer(axes, dropout), norm_layer(norm, axes, _LAST), activation_layer(activation)
            )
        )
        return Dense(nn.Sequential(*stages), conv(axes, _LAST, outputs, kernel=1), axes=axes, channels=channels, outputs=outputs)

    return built(make, generator)
