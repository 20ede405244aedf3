"""A residual U-Net that in training also gives its input back (Myronenko, 2018: winner of BraTS)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation
from sagittal.models._blocks.layers import conv, mean_to, resized
from sagittal.models._blocks.layers import dropout as dropout_layer
from sagittal.models._blocks.levels import Larger
from sagittal.models._blocks.weights import built, starting
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_WIDTHS = (32, 64, 128, 256)
_BLOCKS = (1, 2, 2, 4)
_GROUPS = 8
_CODE = 128
_NARROW = 16


class _Green(nn.Module):
    """Two times group norm, ReLU and a convolution, and what came in."""

    def __init__(self, axes: int, width: int) -> None:
        super().__init__()
        layers = [layer for _ in range(2) for layer in (nn.GroupNorm(_GROUPS, width), activation("relu"), conv(axes, width, width))]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        y: Tensor = x + self.layers(x)
        return y


def _up(axes: int, inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv(axes, inputs, outputs, kernel=1), Larger((2,) * axes))


class _Autoencoder(nn.Module):
    """From the coarsest features to a random code, and from that to the image."""

    def __init__(self, axes: int, channels: int, grid: int) -> None:
        super().__init__()
        self._grid = grid
        deep = _WIDTHS[-1]
        self.down = nn.Sequential(
            nn.GroupNorm(_GROUPS, deep), activation("relu"), conv(axes, deep, _NARROW, stride=2), mean_to(axes, grid), nn.Flatten(1)
        )
        self.code = nn.Linear(_NARROW * grid**axes, 2 * _CODE)
        self.spread = nn.Linear(_CODE, _NARROW * grid**axes)
        self.first = _up(axes, _NARROW, deep)
        widths = list(reversed(_WIDTHS))
        pairs = itertools.pairwise(widths)
        self.ups = nn.Sequential(*(layer for a, b in pairs for layer in (_up(axes, a, b), _Green(axes, b))))
        # drawn by what goes in as well: by its one or two outputs alone it would start 8 times too large
        self.last = starting(conv(axes, _WIDTHS[0], channels), "xavier")
        self.act = activation("relu")

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(image, mean, log variance)``, the last two ``(B, 128)``."""
        mean, log_variance = self.code(self.down(features)).float().chunk(2, dim=1)
        drawn = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        shape = features.shape[2:]
        spread = self.act(self.spread(drawn)).reshape(len(features), _NARROW, *(self._grid,) * len(shape))
        image: Tensor = self.last(self.ups(self.first(resized(spread, [-(-n // 2) for n in shape]))))
        return image, mean, log_variance


class _Body(nn.Module):
    def __init__(self, axes: int, channels: int, grid: int, *, rate: float) -> None:
        super().__init__()
        first = [conv(axes, channels, _WIDTHS[0]), dropout_layer(axes, rate)]
        self.down = nn.ModuleList()
        for i, (width, repeats) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True)):
            before = first if i == 0 else [conv(axes, _WIDTHS[i - 1], width, stride=2)]
            self.down.append(nn.Sequential(*before, *(_Green(axes, width) for _ in range(repeats))))
        coarse = list(reversed(range(1, len(_WIDTHS))))
        self.up = nn.ModuleList(_up(axes, _WIDTHS[i], _WIDTHS[i - 1]) for i in coarse)
        self.green = nn.ModuleList(_Green(axes, _WIDTHS[i - 1]) for i in coarse)
        self.vae = _Autoencoder(axes, channels, grid)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """``(B, channels, *shape) -> (B, 32, *shape)``; in training with the autoencoder's part behind it."""
        image, skips = x, []
        for level in self.down:
            x = level(x)
            skips.append(x)
        deepest = skips.pop()
        for up, green in zip(self.up, self.green, strict=True):
            x = green(up(x) + skips.pop())
        if not self.training:
            return x
        given_back, mean, log_variance = self.vae(deepest)
        return x, given_back[tuple([slice(None)] * 2 + [slice(n) for n in image.shape[2:]])], image, mean, log_variance


def resnet_vae(
    *, channels: int, outputs: int, axes: int = 3, grid: int = 2, dropout: float = 0.2, generator: torch.Generator | None = None
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``; sizes must be multiples of 8.

    MedicalZoo's RESNET3DVAE, of 20,176,758 parameters with 2 channels, 4 outputs and blocks of 32. In training it also
    encodes the coarsest features as 128 normal numbers and gives the image back from a draw of them; whichever loss is
    chosen, how well it does so is added (see the loss ``vae``). What MedicalZoo has otherwise and the article, and we, do not:
    the residual of a block begins behind its first norm, the logarithm is taken of the variance's logarithm (NaN), the
    input's size is fixed. As there, the last convolution is 3-wide, where the article's is 1-wide. The code is taken from
    means over a grid, which for blocks of 16 times its length are the values themselves.

    Args:
        channels: Of the input.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        grid: Along each axis, from which the code is taken: 2 for blocks of 32, 4 for blocks of 64.
        dropout: Of whole channels, behind the first convolution.
        generator: For the starting weights.

    >>> network = resnet_vae(channels=2, outputs=4, axes=2)
    >>> [tuple(part.shape) for part in network(torch.zeros(1, 2, 32, 24))]
    [(1, 4, 32, 24), (1, 2, 32, 24), (1, 2, 32, 24), (1, 128), (1, 128)]
    >>> network.eval()(torch.zeros(1, 2, 32, 24)).shape
    torch.Size([1, 4, 32, 24])
    """

    def make() -> Dense:
        body = _Body(axes, channels, grid, rate=dropout)
        last = conv(axes, _WIDTHS[0], outputs)
        return Dense(body, last, axes=axes, channels=channels, outputs=outputs, multiple=8, several="vae")

    return built(make, generator)
