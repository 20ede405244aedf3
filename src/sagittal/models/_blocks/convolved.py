"""A fully connected layer that slides over a grid."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_CONVOLVE = (F.conv1d, F.conv2d, F.conv3d)


class Convolved(nn.Linear):
    """A convolution whose weights have the names and shapes of a published network's fully connected layer.

    Args:
        inputs: Channels.
        outputs: Channels.
        kernel: The length of the grid, along each axis, that the fully connected layer saw; odd.
        axes: 1, 2 or 3.

    >>> import torch
    >>> Convolved(4, 2, kernel=3, axes=2)(torch.zeros(1, 4, 5, 6)).shape
    torch.Size([1, 2, 5, 6])
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, axes: int) -> None:
        super().__init__(inputs * kernel**axes, outputs)
        self._inputs = inputs
        self._kernel = (kernel,) * axes

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, *shape) -> (B, outputs, *shape)``, padded to keep the centre."""
        weight = self.weight.reshape(self.out_features, self._inputs, *self._kernel)
        found: Tensor = _CONVOLVE[len(self._kernel) - 1](x, weight, self.bias, padding=[k // 2 for k in self._kernel])
        return found
