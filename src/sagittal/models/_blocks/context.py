"""The U-Net of Isensee et al. (2017): residual context on the way down, answers of three levels added up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation
from sagittal.models._blocks.layers import conv, dropout, norm
from sagittal.models._blocks.levels import Larger, Style


class _Context(nn.Module):
    """A convolution to a coarser grid, and a residual of two more that share their weights, dropout between them."""

    def __init__(self, style: Style, inputs: int, width: int, *, rate: float) -> None:
        super().__init__()
        self.down = conv(style.axes, inputs, width, stride=2, bias=False)
        self.inner = nn.Sequential(
            norm(style.norm, style.axes, width, affine=False), activation(style.activation), conv(style.axes, width, width, bias=False)
        )
        self.dropout = dropout(style.axes, rate)

    def forward(self, x: Tensor) -> Tensor:
        """Half the shape; neither norm nor activation behind the sum."""
        x = self.down(x)
        y: Tensor = x + self.inner(self.dropout(self.inner(x)))
        return y


class _First(nn.Module):
    """The finest level: three convolutions, the first of which is added to the last."""

    def __init__(self, style: Style, inputs: int, width: int, *, rate: float) -> None:
        super().__init__()
        self.first, self.second, self.third = (conv(style.axes, n, width, bias=False) for n in (inputs, width, width))
        self.act = activation(style.activation)
        self.dropout = dropout(style.axes, rate)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        x = self.first(x)
        y: Tensor = x + self.third(self.act(self.dropout(self.second(self.act(x)))))
        return y


class ContextBody(nn.Module):
    """All but the last 1x1 convolution; the answers of two coarser levels come behind its features, as channels.

    Args:
        style: Norms have no weights here.
        channels: Of the input.
        outputs: Of the coarser levels' answers.
        widths: Five levels.
        rate: Of dropout.
    """

    def __init__(self, style: Style, channels: int, outputs: int, widths: Sequence[int], *, rate: float) -> None:
        super().__init__()
        a, b, c, d, e = widths
        axes = style.axes

        def normed(width: int) -> nn.Sequential:
            return nn.Sequential(norm(style.norm, axes, width, affine=False), activation(style.activation))

        def unit(inputs: int, width: int) -> nn.Sequential:
            return nn.Sequential(conv(axes, inputs, width, bias=False), *normed(width))

        def up(inputs: int, width: int) -> nn.Sequential:
            # copies of the nearest sample in the original; linear here, without steps at the borders of samples
            return nn.Sequential(*normed(inputs), Larger((2,) * axes), *unit(inputs, width))

        self.down = nn.ModuleList(
            [_First(style, channels, a, rate=rate), *(_Context(style, m, n, rate=rate) for m, n in ((a, b), (b, c), (c, d), (d, e)))]
        )
        self.normed = normed(1)
        self.deepest = nn.Sequential(up(e, d), conv(axes, d, d, kernel=1, bias=False), *normed(d))
        self.units = nn.ModuleList([unit(2 * n, 2 * n) for n in (d, c, b, a)])
        self.ups = nn.ModuleList(nn.Sequential(conv(axes, 2 * n, n, kernel=1, bias=False), up(n, m)) for n, m in ((d, c), (c, b), (b, a)))
        self.answers = nn.ModuleList(conv(axes, 2 * n, outputs, kernel=1, bias=False) for n in (c, b))
        self.larger = Larger((2,) * axes)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, *shape) -> (B, 2 * widths[0] + outputs, *shape)``."""
        skips: list[Tensor] = []
        for i, level in enumerate(self.down):
            x = level(x)
            if i == 0:
                skips.append(self.normed[1](x))
            x = self.normed(x) if i < len(self.down) - 1 else x
            if i:
                skips.append(x)
        skips.pop()
        x = self.deepest(x)
        kept: list[Tensor] = []
        for i, unit in enumerate(self.units):
            x = unit(torch.cat([x, skips.pop()], dim=1))
            kept.append(x)
            x = self.ups[i](x) if i < len(self.ups) else x
        coarse = self.answers[1](kept[2]) + self.larger(self.answers[0](kept[1]))
        return torch.cat([x, self.larger(coarse)], dim=1)


class Added(nn.Module):
    """A 1x1 convolution of the first channels, plus the last ones as they are."""

    def __init__(self, axes: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.conv = conv(axes, inputs, outputs, kernel=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs + outputs, *shape) -> (B, outputs, *shape)``."""
        answer: Tensor = self.conv(x[:, : self.inputs]) + x[:, self.inputs :]
        return answer
