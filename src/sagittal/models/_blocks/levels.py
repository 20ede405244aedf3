"""The levels of a U-Net: convolutions of one grid, the way down, the way up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import Lengths, conv, resized
from sagittal.models._blocks.layers import norm as norm_layer


@dataclass(frozen=True, slots=True)
class Style:
    """How the convolutions of a network look.

    Args:
        axes: Of the grid.
        norm: Behind each convolution.
        activation: Behind that.
        bias: Whether convolutions before a norm have one.
    """

    axes: int
    norm: str | None
    activation: str
    bias: bool = False

    def conv(self, inputs: int, outputs: int, *, kernel: Lengths = 3) -> nn.Module:
        """A convolution that a norm follows."""
        return conv(self.axes, inputs, outputs, kernel=kernel, bias=self.bias or self.norm is None)

    def normed(self, channels: int) -> nn.Module:
        """The norm."""
        return norm_layer(self.norm, self.axes, channels)

    def unit(self, inputs: int, outputs: int, *, kernel: Lengths = 3) -> list[nn.Module]:
        """Convolution, norm, activation."""
        return [self.conv(inputs, outputs, kernel=kernel), self.normed(outputs), activation_layer(self.activation, outputs)]

    def pair(self, inputs: int, middle: int, outputs: int, *, kernel: Lengths = 3) -> list[nn.Module]:
        """Two of them."""
        return [*self.unit(inputs, middle, kernel=kernel), *self.unit(middle, outputs, kernel=kernel)]


class Residual(nn.Module):
    """Two convolutions and what came in (He et al., 2016); a 1-wide convolution fits the channels."""

    def __init__(self, style: Style, inputs: int, outputs: int, *, kernel: Lengths = 3) -> None:
        super().__init__()
        self.inner = nn.Sequential(*style.pair(inputs, outputs, outputs, kernel=kernel)[:-1])
        self.activation = activation_layer(style.activation, outputs)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Sequential(style.conv(inputs, outputs, kernel=1), style.normed(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        y: Tensor = self.activation(self.inner(x) + self.shortcut(x))
        return y


class Larger(nn.Module):
    """Every axis ``factor`` times as long, linear in between; no weights."""

    def __init__(self, factor: Sequence[int]) -> None:
        super().__init__()
        self.factor = tuple(factor)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, *shape) -> (B, C, *shape * factor)``."""
        return resized(x, [n * f for n, f in zip(x.shape[2:], self.factor, strict=True)])

    def extra_repr(self) -> str:
        """For people."""
        return f"factor={self.factor}"


class Up(nn.Module):
    """A finer grid, then joined with what the same level saw on the way down."""

    def __init__(self, up: nn.Module, convolutions: nn.Module) -> None:
        super().__init__()
        self.up = up
        self.convolutions = convolutions

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``(B, inputs, *coarse), (B, skipped, *shape) -> (B, outputs, *shape)``."""
        joined: Tensor = self.convolutions(torch.cat([skip, self.up(x)], dim=1))
        return joined


class Levels(nn.Module):
    """Down and up again.

    Args:
        down: From the finest to the coarsest level.
        up: From the coarsest but one to the finest.
        deep: Give the features of all levels of the way up in training, the finest first.
    """

    def __init__(self, down: Sequence[nn.Module], up: Sequence[nn.Module], *, deep: bool = False) -> None:
        super().__init__()
        self.down = nn.ModuleList(down)
        self.up = nn.ModuleList(up)
        self._deep = deep

    @property
    def parts(self) -> list[tuple[str, nn.Module]]:
        """``down1``, ``down2`` ..., and back to ``up1``."""
        down = [(f"down{i}", level) for i, level in enumerate(self.down, 1)]
        return [*down, *((f"up{len(self.up) - i}", level) for i, level in enumerate(self.up))]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """``(B, channels, *shape) -> (B, widths[0], *shape)``."""
        skips: list[Tensor] = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        skips.pop()
        found: list[Tensor] = []
        for level in self.up:
            x = level(x, skips.pop())
            found.append(x)
        return tuple(reversed(found)) if self._deep and self.training else x
