"""HyperDenseNet (Dolz et al., 2018): a path for each modality, every layer connected with all layers of all paths."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sagittal.models._blocks.activations import activation
from sagittal.models._blocks.layers import conv
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._dense import Dense
from sagittal.models._network import Network

_GROWTHS = (25, 25, 25, 50, 50, 50, 75, 75, 75)
_FULL = (400, 200, 150)


class _Paths(nn.Module):
    """All paths side by side; each sees its own newest features first, then those of the paths behind it in turn."""

    def __init__(self, axes: int, modalities: int, *, norm: str | None, rate: float) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        inputs = 0
        for growth in _GROWTHS:
            # the first layer sees the image itself, which is normalised already
            layer = [
                nn.Sequential(
                    norm_layer(norm if inputs else None, axes, inputs or 1),
                    activation("prelu"),
                    nn.Dropout(rate),
                    conv(axes, inputs or 1, growth),
                )
                for _ in range(modalities)
            ]
            self.levels.append(nn.ModuleList(layer))
            inputs += modalities * growth
        self.features = modalities * inputs

    def forward(self, x: Tensor) -> Tensor:
        """``(B, modalities, *shape) -> (B, features, *shape)``."""
        paths = range(x.shape[1])
        seen: list[Tensor | None] = [None for _ in paths]
        for i, level in enumerate(self.levels):
            found = [layer(x[:, p : p + 1] if i == 0 else seen[p]) for p, layer in enumerate(level.children())]
            for p in paths:
                turned = [*found[p:], *found[:p]]
                before = seen[p]
                seen[p] = torch.cat(turned if before is None else [before, *turned], dim=1)
        return torch.cat([part for part in seen if part is not None], dim=1)


def hyperdensenet(
    *,
    channels: int,
    outputs: int,
    axes: int = 3,
    norm: str | None = "batch",
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network: ``(B, channels, *shape) -> (B, outputs, *shape)``, on the full grid throughout.

    MedicalZoo's HYPERDENSENET, of 10,361,922 parameters with 2 modalities and 4 outputs, 23,173,431 with 3. Its
    convolutions are not padded, as the article's, which answer for the middle of their input (27 voxels in, 9 out); newer
    versions of MedicalZoo stretch that answer over the whole input by a transposed convolution, so that the voxels of
    answer and truth do not meet. Here convolutions are padded, and every sample is answered in its place. A ReLU stands
    between the 1-wide layers, which in MedicalZoo are one linear map.

    Args:
        channels: Modalities, any number.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        norm: ``batch``, ``instance``, ``group`` or ``None``.
        dropout: Before each convolution.
        generator: For the starting weights.

    >>> hyperdensenet(channels=2, outputs=4, axes=2)(torch.zeros(2, 2, 5, 7)).shape
    torch.Size([2, 4, 5, 7])
    """

    def make() -> Dense:
        paths = _Paths(axes, channels, norm=norm, rate=dropout)
        layers: list[nn.Module] = []
        n = paths.features
        for width in _FULL:
            layers += [conv(axes, n, width, kernel=1), activation("relu")]
            n = width
        body = nn.Sequential(paths, nn.Sequential(*layers))
        return Dense(body, conv(axes, n, outputs, kernel=1), axes=axes, channels=channels, outputs=outputs)

    return built(make, generator)
