"""Layers that only move numbers: space to channels, padding to match a skip."""

from __future__ import annotations

from torch import Tensor, nn


class SpaceToChannels(nn.Module):
    """``(B, C, *shape) -> (B, C * factor ** axes, *shape / factor)``: nothing is lost, every axis is shorter.

    With a stride-1 convolution behind, it is a strided convolution with a wide kernel; on a CPU the strided one's
    weight gradient can be 30 times slower.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Every axis must be a multiple of ``factor``."""
        f, shape = self.factor, x.shape[2:]
        axes = len(shape)
        parts = [n for size in shape for n in (size // f, f)]
        x = x.reshape(x.shape[0], x.shape[1], *parts)
        blocks = range(2, 2 + 2 * axes, 2)
        inner = range(3, 3 + 2 * axes, 2)
        x = x.permute(0, 1, *inner, *blocks)
        return x.reshape(x.shape[0], -1, *(size // f for size in shape))

    def extra_repr(self) -> str:
        """For people."""
        return f"factor={self.factor}"
