"""COVID-Net (Wang et al., 2020): narrow, wide, a convolution a channel, narrow and wide again; two sizes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, mean_to
from sagittal.models._blocks.weights import built
from sagittal.models._head import answer
from sagittal.models._network import Network, flat

_FIRST = 64
_STAGES = ((256, 3), (512, 4), (1024, 6), (2048, 3))
_HIDDEN = (1024, 256)
_SIZES = ("small", "large")
_POOLED = 7


def _pepx(axes: int, inputs: int, outputs: int, activation: str) -> nn.Sequential:
    """Projection, expansion, a convolution of each channel, projection, extension."""
    half, wide = inputs // 2, 3 * inputs // 4
    return nn.Sequential(
        conv(axes, inputs, half, kernel=1),
        conv(axes, half, wide, kernel=1),
        conv(axes, wide, wide, groups=wide),
        activation_layer(activation),
        conv(axes, wide, half, kernel=1),
        conv(axes, half, outputs, kernel=1),
        activation_layer(activation),
    )


class _Stage(nn.Module):
    """Units each of which sees the sum of all before it; in the large form a straight way beside them."""

    def __init__(self, axes: int, inputs: int, width: int, repeats: int, *, large: bool, first: bool, activation: str) -> None:
        super().__init__()
        self.units = nn.ModuleList(_pepx(axes, inputs if i == 0 else width, width, activation) for i in range(repeats))
        self.straight = conv(axes, inputs, width, kernel=1) if large else None
        self.pool = nn.Identity() if first else max_pool(axes)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, *shape) -> (B, width, *shape / 2)``; the first stage keeps the shape."""
        # a 1-wide convolution and pooling may change places
        x = self.pool(x)
        total = None if self.straight is None else self.straight(x)
        for i, unit in enumerate(self.units):
            found = unit(x if i == 0 else total)
            total = found if total is None else total + found
        return total  # type: ignore[return-value]


class _Covidnet(Network):
    def __init__(self, parts: list[nn.Module], *, axes: int, channels: int, outputs: int) -> None:
        super().__init__(axes=axes, channels=channels, outputs=outputs, smallest=32)
        self.stem, *stages, self.full, self.last = parts
        self.layers = nn.ModuleList(stages)

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """``stem``, ``stage1`` to ``stage4``, ``full``, ``head``."""
        return [
            ("stem", self.stem),
            *((f"stage{i}", stage) for i, stage in enumerate(self.layers, 1)),
            ("full", self.full),
            ("head", self.last),
        ]


def covidnet(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    size: Literal["small", "large"] = "large",
    activation: str = "relu",
    pooled: int | None = None,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A classifier: ``(B, channels, *shape) -> (B, outputs)``.

    MedicalZoo's COVIDNET1 (small) and COVIDNET2 (large). Its units are five convolutions in a row, which are one linear map;
    here an activation stands behind the third and the fifth. Its last stage counts the second unit of the third stage twice
    and leaves the third one out. Each unit sees the sum of what all before it in its stage gave; the large form adds a 1-wide
    convolution of what came into the stage.

    Args:
        channels: Of the input.
        outputs: Logits.
        axes: 1, 2 or 3.
        size: ``small`` or ``large``.
        activation: Its name.
        pooled: The features' grid along each axis that the fully connected layers see: 7 for pictures, else 1.
        dropout: Before the answer.
        generator: For the starting weights.

    Raises:
        UsageError: Another size.

    >>> covidnet(channels=3, outputs=3, size="small", pooled=1)(torch.zeros(1, 3, 32, 40)).shape
    torch.Size([1, 3])
    """
    if size not in _SIZES:
        raise UsageError("UNKNOWN_SIZE", size, "COVID-Net comes in two sizes", nearest(size, _SIZES))
    grid = pooled if pooled is not None else (_POOLED if axes == 2 else 1)

    def make() -> _Covidnet:
        stem = nn.Sequential(conv(axes, channels, _FIRST, kernel=7, stride=2), activation_layer(activation), max_pool(axes))
        stages: list[nn.Module] = []
        n = _FIRST
        for width, repeats in _STAGES:
            stages.append(_Stage(axes, n, width, repeats, large=size == "large", first=not stages, activation=activation))
            n = width
        full: list[nn.Module] = [mean_to(axes, grid), flat()]
        n *= grid**axes
        for width in _HIDDEN:
            full += [nn.Linear(n, width), activation_layer(activation)]
            n = width
        last = answer(n, outputs, dropout=dropout, activation=activation)
        return _Covidnet([stem, *stages, nn.Sequential(*full), last], axes=axes, channels=channels, outputs=outputs)

    return built(make, generator)
