"""The blocks of residual networks (He et al., 2016), with the published names of their weights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv
from sagittal.models._blocks.layers import norm as norm_layer

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""How many blocks each of the four layers of a depth has; from 50 on they are bottlenecks."""

WIDTHS = (64, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class ResidualStyle:
    """How the convolutions of a network look."""

    axes: int
    norm: str | None
    activation: str

    def conv(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Module:
        """A convolution that a norm follows."""
        return conv(self.axes, inputs, outputs, kernel=kernel, stride=stride, dilation=dilation, bias=self.norm is None)

    def normed(self, channels: int) -> nn.Module:
        """The norm."""
        return norm_layer(self.norm, self.axes, channels)

    def shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module | None:
        """What fits the input to the output, where that is needed."""
        if inputs == outputs and stride == 1:
            return None
        return nn.Sequential(self.conv(inputs, outputs, kernel=1, stride=stride), self.normed(outputs))

    def layer(self, depth: int, index: int, inputs: int, *, stride: int, dilation: int = 1) -> tuple[nn.Sequential, int]:
        """The blocks of one of the four layers, and the channels that come out."""
        block = Basic if depth < 50 else Bottleneck
        outputs = WIDTHS[index] * block.expansion
        rest = [block(self, outputs, WIDTHS[index], stride=1, dilation=dilation) for _ in range(BLOCKS[depth][index] - 1)]
        return nn.Sequential(block(self, inputs, WIDTHS[index], stride=stride, dilation=dilation), *rest), outputs


class Basic(nn.Module):
    """Two 3-wide convolutions."""

    expansion = 1

    def __init__(self, style: ResidualStyle, inputs: int, width: int, *, stride: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = style.conv(inputs, width, stride=stride, dilation=dilation)
        self.bn1 = style.normed(width)
        self.conv2 = style.conv(width, width, dilation=dilation)
        self.bn2 = style.normed(width)
        self.relu = activation_layer(style.activation)
        self.downsample = style.shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape divided by the stride."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        z: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return z


class Bottleneck(nn.Module):
    """Narrow, 3-wide, and wide again; the stride is in the middle, as in the published weights, not first as in the article."""

    expansion = 4

    def __init__(self, style: ResidualStyle, inputs: int, width: int, *, stride: int, dilation: int = 1) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = style.conv(inputs, width, kernel=1)
        self.bn1 = style.normed(width)
        self.conv2 = style.conv(width, width, stride=stride, dilation=dilation)
        self.bn2 = style.normed(width)
        self.conv3 = style.conv(width, outputs, kernel=1)
        self.bn3 = style.normed(outputs)
        self.relu = activation_layer(style.activation)
        self.downsample = style.shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape divided by the stride."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        z: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return z
