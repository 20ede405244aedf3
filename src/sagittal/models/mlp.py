"""Fully connected layers for tables."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sagittal.errors import UsageError
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.columns import Columns
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._network import Network


class _Mlp(Network):
    def __init__(self, hidden: nn.Sequential, last: nn.Linear, *, channels: int, columns: Columns | None = None) -> None:
        super().__init__(axes=0, channels=channels, outputs=last.out_features)
        self.columns = columns
        self.hidden = hidden
        self.last = last

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        first = [("columns", self.columns)] if self.columns is not None else []
        return [*first, *((f"hidden{i}", layer) for i, layer in enumerate(self.hidden, 1)), ("head", self.last)]


def mlp(
    *,
    channels: int,
    outputs: int,
    axes: int = 0,
    widths: Sequence[int] = (60,),
    activation: str = "relu",
    norm: str | None = None,
    dropout: float = 0.0,
    waves: int = 0,
    patterns: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> Network:
    """A network for table rows: ``(B, channels) -> (B, outputs)``.

    Args:
        channels: Columns.
        outputs: Logits or values.
        axes: Must be 0.
        widths: Of the hidden layers; none is a linear model.
        activation: After each hidden layer.
        norm: ``batch`` or ``None``.
        dropout: After each hidden layer.
        waves: Random Fourier features that the hidden layers see beside the columns.
        patterns: Channels of convolutions along the columns, whose features take the columns' place: for columns
            that have an order, such as frequency bands or time points.
        generator: For the starting weights.

    Raises:
        UsageError: The data have axes.

    >>> mlp(channels=60, outputs=2)(torch.zeros(5, 60)).shape
    torch.Size([5, 2])
    """
    if axes != 0:
        raise UsageError("AXES", "mlp", f"it is for tables, the data have {axes} axes", "choose resnet, vgg or unet")

    def make() -> _Mlp:
        hidden: list[nn.Module] = []
        columns = Columns(channels, waves=waves, patterns=patterns, activation=activation) if waves or patterns else None
        inputs = columns.features if columns is not None else channels
        for width in widths:
            hidden.append(
                nn.Sequential(nn.Linear(inputs, width), norm_layer(norm, 0, width), activation_layer(activation), nn.Dropout(dropout))
            )
            inputs = width
        return _Mlp(nn.Sequential(*hidden), nn.Linear(inputs, outputs), channels=channels, columns=columns)

    return built(make, generator, linear="kaiming" if waves or patterns else "uniform")
