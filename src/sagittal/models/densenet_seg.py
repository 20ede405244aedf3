"""Dense networks without pooling for several modalities, fused early or late (Dolz et al., 2018), as in MedicalZoo."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation
from sagittal.models._blocks.dense_layers import block, grown
from sagittal.models._blocks.layers import conv
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_PATHS = ("single", "dual", "dual-single")
_FIRST = 25
_GROWTHS = (25, 25, 25, 50, 50, 50, 75, 75, 75)
_FULL = (400, 200, 150)
_FULL_DROPOUT = 0.5


class _Modalities(nn.Module):
    """A path for each channel of the input; their features side by side."""

    def __init__(self, paths: list[nn.Module]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, *shape) -> (B, channels * features, *shape)``."""
        return torch.cat([path(x[:, i : i + 1]) for i, path in enumerate(self.paths)], dim=1)


def densenet_seg(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    paths: Literal["single", "dual", "dual-single"] = "single",
    norm: str | None = "batch",
    dropout: float = 0.1,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``, on the full grid throughout.

    Nine densely connected layers and three 1-wide ones. MedicalZoo's DENSENET1 to 3, of 2,697,811 (``single``) and
    2,995,086 (``dual-single``) parameters with 2 channels and 4 outputs. Its ``dual`` cannot run with two modalities: it
    counts on 503 features where its shortened paths give 426. Here each path has all nine layers, as the article has
    it, and as its own form for three modalities. Its ``dual-single`` sends both modalities through the first one's layer;
    here each has its own. A ReLU stands between the 1-wide layers, which in MedicalZoo are one linear map together.

    Args:
        channels: Modalities.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        paths: ``single``: one path sees all modalities; ``dual``: each has a path, joined before the answer;
            ``dual-single``: each has a first layer, then one path.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        dropout: Behind each dense layer; .5 behind the 1-wide ones.
        generator: For the starting weights.

    Raises:
        UsageError: Unknown paths.

    >>> densenet_seg(channels=2, outputs=4, axes=2)(torch.zeros(2, 2, 5, 7)).shape
    torch.Size([2, 4, 5, 7])
    """
    if paths not in _PATHS:
        raise UsageError("UNKNOWN_PATHS", paths, "there are no such paths", nearest(paths, _PATHS))

    def path(inputs: int, skip: int = 0) -> nn.Sequential:
        dense, n = block(axes, inputs, _GROWTHS[skip:], rate=dropout, norm=norm)
        layers: list[nn.Module] = [dense]
        for width in _FULL:
            layers += [conv(axes, n, width, kernel=1, bias=False), activation("relu"), nn.Dropout(_FULL_DROPOUT)]
            n = width
        return nn.Sequential(*layers)

    def make() -> Dense:
        features = _FULL[-1]
        body: nn.Module
        if paths == "single":
            body = path(channels)
        elif paths == "dual":
            body, features = _Modalities([path(1) for _ in range(channels)]), channels * features
        else:
            first = _Modalities([grown(axes, 1, _FIRST, rate=dropout, norm=norm) for _ in range(channels)])
            body = nn.Sequential(first, path(channels * (1 + _FIRST), skip=1))
        return Dense(body, conv(axes, features, outputs, kernel=1, bias=False), axes=axes, channels=channels, outputs=outputs)

    return built(make, generator)
