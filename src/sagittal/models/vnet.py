"""V-Net (Milletari et al., 2016) and its lighter form, with the layers of MedicalZoo."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, upconv
from sagittal.models._blocks.layers import dropout as dropout_layer
from sagittal.models._blocks.levels import Levels, Style
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_WIDTH = 16
_DOWN = (1, 2, 3, 2)
_UP = (1, 1, 2, 2)


class _In(nn.Module):
    """A convolution, and the input's channels repeated as often as they fit."""

    def __init__(self, style: Style, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(style.conv(channels, _WIDTH, kernel=5), style.normed(_WIDTH))
        self.act = activation_layer(style.activation, _WIDTH)
        self._index = [i % channels for i in range(_WIDTH)]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, *shape) -> (B, 16, *shape)``."""
        y: Tensor = self.act(self.conv(x) + x[:, self._index])
        return y


def _units(style: Style, width: int, repeats: int) -> nn.Sequential:
    return nn.Sequential(*(layer for _ in range(repeats) for layer in style.unit(width, width, kernel=5)))


class _Down(nn.Module):
    """Half the grid, twice the channels, and a residual of 5-wide convolutions."""

    def __init__(self, style: Style, inputs: int, repeats: int, rate: float) -> None:
        super().__init__()
        width = 2 * inputs
        # windows of two that do not overlap: no padding
        half = conv(style.axes, inputs, width, kernel=2, stride=2)
        self.down = nn.Sequential(half, style.normed(width), activation_layer(style.activation, width))
        self.inner = nn.Sequential(dropout_layer(style.axes, rate), _units(style, width, repeats))
        self.act = activation_layer(style.activation, width)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, *shape) -> (B, 2 * inputs, *shape / 2)``."""
        x = self.down(x)
        y: Tensor = self.act(self.inner(x) + x)
        return y


class _Up(nn.Module):
    """Twice the grid, joined with the way down, and a residual of 5-wide convolutions."""

    def __init__(self, style: Style, inputs: int, skipped: int, repeats: int, *, rate: float, skip_rate: float) -> None:
        super().__init__()
        width = 2 * skipped
        up = upconv(style.axes, inputs, skipped)
        self.dropout, self.skip_dropout = dropout_layer(style.axes, rate), dropout_layer(style.axes, skip_rate)
        self.up = nn.Sequential(up, style.normed(skipped), activation_layer(style.activation, skipped))
        self.inner = _units(style, width, repeats)
        self.act = activation_layer(style.activation, width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``(B, inputs, *coarse), (B, skipped, *shape) -> (B, 2 * skipped, *shape)``."""
        x = torch.cat([self.up(self.dropout(x)), self.skip_dropout(skip)], dim=1)
        y: Tensor = self.act(self.inner(x) + x)
        return y


def vnet(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    levels: int = 5,
    norm: str | None = "batch",
    activation: str = "prelu",
    dropout: float = 0.5,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network of residual 5-wide convolutions: ``(B, channels, *shape) -> (B, outputs, *shape)``.

    MedicalZoo's VNET (45,613,956 parameters with 2 channels and 4 outputs), and with ``levels=4`` its VNET2 (12,249,988).
    Other than the article it has batch norm, dropout, and a 5-wide convolution before the last one. Here any number of
    channels is repeated to the 16 of the first sum; in MedicalZoo they must divide 16.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        levels: 5, or 4 for the light form; sizes must be multiples of 16 or 8.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        dropout: Of whole channels, in the two coarsest levels and in all skips.
        generator: For the starting weights.

    Raises:
        UsageError: Another number of levels.

    >>> vnet(channels=2, outputs=4, axes=2, levels=4)(torch.zeros(2, 2, 16, 8)).shape
    torch.Size([2, 4, 16, 8])
    """
    if levels not in {4, 5}:
        raise UsageError("LEVELS", levels, "V-Net has 5 levels, or 4", "set levels: 5 or 4")
    style = Style(axes, norm, activation, bias=True)

    def make() -> Dense:
        rates = [0.0, 0.0, dropout, dropout]
        down = [_In(style, channels), *(_Down(style, _WIDTH * 2**i, _DOWN[i], rates[i]) for i in range(levels - 1))]
        ups: list[nn.Module] = []
        inputs = _WIDTH * 2 ** (levels - 1)
        for i in reversed(range(levels - 1)):
            ups.append(_Up(style, inputs, _WIDTH * 2**i, _UP[i], rate=rates[i] if i > 1 else 0.0, skip_rate=dropout))
            inputs = 2 * _WIDTH * 2**i
        answer = [*style.unit(2 * _WIDTH, outputs, kernel=5), conv(axes, outputs, outputs, kernel=1)]
        return Dense(Levels(down, ups), nn.Sequential(*answer), axes=axes, channels=channels, outputs=outputs, multiple=2 ** (levels - 1))

    return built(make, generator)
