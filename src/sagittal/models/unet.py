"""U-Net (Ronneberger et al., 2015; in 3-D Çiçek et al., 2016), small by default."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, upconv
from sagittal.models._blocks.layers import dropout as dropout_layer
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._network import Network


class _Up(nn.Module):
    """Twice the size, then joined with what the same level saw on the way down."""

    def __init__(self, up: nn.Module, convolutions: nn.Module) -> None:
        super().__init__()
        self.up = up
        self.convolutions = convolutions

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``(B, inputs, *shape), (B, outputs, *shape * 2) -> (B, outputs, *shape * 2)``."""
        joined: Tensor = self.convolutions(torch.cat([skip, self.up(x)], dim=1))
        return joined


class _Body(nn.Module):
    """All but the last 1x1 convolution."""

    def __init__(self, down: Sequence[nn.Module], up: Sequence[nn.Module]) -> None:
        super().__init__()
        self.down = nn.ModuleList(down)
        self.up = nn.ModuleList(up)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, *shape) -> (B, widths[0], *shape)``."""
        skips: list[Tensor] = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        skips.pop()
        for level in self.up:
            x = level(x, skips.pop())
        return x


class _Unet(Network):
    def __init__(self, body: _Body, last: nn.Module, *, axes: int, channels: int, outputs: int) -> None:
        multiple = 2 ** len(body.up)
        super().__init__(axes=axes, channels=channels, outputs=outputs, multiple=multiple, smallest=multiple, dense=True)
        self.body = body
        self.last = last

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        down = [(f"down{i}", level) for i, level in enumerate(self.body.down, 1)]
        up = [(f"up{len(self.body.up) - i}", level) for i, level in enumerate(self.body.up)]
        return [*down, *up, ("head", self.last)]

    @property
    def trunk(self) -> nn.Module:
        return self.body

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_exporting():
            self.check(x.shape[2:])
        answer: Tensor = self.head(self.body(x))
        return answer


def unet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    widths: Sequence[int] = (16, 32, 64, 128),
    norm: str | None = "batch",
    activation: str = "relu",
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``.

    Two 3-wide convolutions a level, pooling by 2 on the way down, transposed convolutions on the way up.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        widths: Channels of each level; sizes must be multiples of ``2 ** (levels - 1)``.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        activation: Its name.
        dropout: Of whole channels, at the deepest level.
        generator: For the starting weights.

    >>> unet(channels=1, outputs=3, axes=3, widths=(4, 8))(torch.zeros(1, 1, 8, 8, 4)).shape
    torch.Size([1, 3, 8, 8, 4])
    """

    def pair(inputs: int, width: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for n in (inputs, width):
            layers += [conv(axes, n, width, bias=norm is None), norm_layer(norm, axes, width), activation_layer(activation)]
        return layers

    def make() -> _Unet:
        down = [nn.Sequential(*pair(channels, widths[0]))]
        down += [nn.Sequential(max_pool(axes), *pair(a, b)) for a, b in itertools.pairwise(widths)]
        if dropout:
            down[-1].append(dropout_layer(axes, dropout))
        up = [_Up(upconv(axes, b, a), nn.Sequential(*pair(2 * a, a))) for a, b in reversed(list(itertools.pairwise(widths)))]
        last = conv(axes, widths[0], outputs, kernel=1)
        return _Unet(_Body(down, up), last, axes=axes, channels=channels, outputs=outputs)

    return built(make, generator)
