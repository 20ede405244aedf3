"""What a table row looks like beside its plain columns: short patterns along them, and random waves over all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation as activation_layer


class Waves(nn.Module):
    """Random Fourier features, ``(B, columns) -> (B, waves)``: fixed, not learned.

    ``sqrt(2) cos(x R + b)`` with ``R`` normal of deviation ``1 / sqrt(columns)``: dot products of these features
    approximate a Gaussian kernel whose width suits standardised columns.

    Source: Rahimi & Recht, Random features for large-scale kernel machines, NeurIPS (2007).
    """

    directions: Tensor
    phases: Tensor

    def __init__(self, columns: int, waves: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.empty(columns, waves))
        self.register_buffer("phases", torch.empty(waves))

    def draw(self, generator: torch.Generator) -> None:
        """Fill the buffers."""
        columns = self.directions.shape[0]
        self.directions.normal_(0.0, columns**-0.5, generator=generator)
        self.phases.uniform_(0.0, 2 * math.pi, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, columns)`` to ``(B, waves)``."""
        return math.sqrt(2) * torch.cos(torch.addmm(self.phases, x, self.directions))


class _Pattern(nn.Conv1d):
    """A convolution along columns; it starts by its inputs, since a first layer of one channel would start too small."""

    def draw(self, generator: torch.Generator) -> None:
        """Fill the weights after He et al., fan in."""
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu", generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class Patterns(nn.Module):
    """Convolutions along columns that have an order (bands, time points): ``(B, columns) -> (B, features)``.

    Each halves the length.

    Args:
        columns: How many.
        widths: Channels of each convolution; the first looks at five columns, the others at three.
        activation: After each.
    """

    def __init__(self, columns: int, widths: Sequence[int], activation: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, length = 1, columns
        for width in widths:
            kernel = 5 if inputs == 1 else 3
            layers += [_Pattern(inputs, width, kernel, stride=2, padding=kernel // 2), activation_layer(activation)]
            inputs, length = width, (length - 1) // 2 + 1
        self.layers = nn.Sequential(*layers, nn.Flatten(1))
        self.features = inputs * length

    def forward(self, x: Tensor) -> Tensor:
        """``(B, columns)`` to ``(B, features)``."""
        found: Tensor = self.layers(x[:, None])
        return found


class Columns(nn.Module):
    """What the hidden layers see of a row: the columns or their patterns, and the waves beside."""

    def __init__(self, columns: int, *, waves: int, patterns: Sequence[int], activation: str) -> None:
        super().__init__()
        self.patterns = Patterns(columns, patterns, activation) if patterns else None
        self.waves = Waves(columns, waves) if waves else None
        self.features = (self.patterns.features if self.patterns is not None else columns) + waves

    def forward(self, x: Tensor) -> Tensor:
        """``(B, columns)`` to ``(B, features)``."""
        seen = x if self.patterns is None else self.patterns(x)
        return seen if self.waves is None else torch.cat([seen, self.waves(x)], dim=1)
