"""Fully convolutional network on VGG (Long et al., 2015): FCN-32s, -16s and -8s."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.convolved import Convolved
from sagittal.models._blocks.layers import conv, upconv
from sagittal.models._blocks.weights import Start, built, starting, undecayed
from sagittal.models._network import Network
from sagittal.models.vgg import vgg

_WHOLE = 32
_POOLED = (512, 256)
_FULL = 4096
_STRIDES = {32: 0, 16: 1, 8: 2}
_STARTS = ("xavier", "bilinear")
_CLASSIFIERS = ("auto", "imagenet", "none")
_DECAYS = ("all", "up")


class _Trunk(nn.Module):
    """What the network sees at 1/32, 1/16 and 1/8 of the grid."""

    def __init__(self, features: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.classifier = classifier

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """``(B, channels, *shape)`` to three maps, the coarsest first."""
        pooled: list[Tensor] = []
        for layer in self.features.children():
            x = layer(x)
            if type(layer).__name__.startswith("MaxPool"):
                pooled.append(x)
        return self.classifier(x), pooled[3], pooled[2]


class _Decoder(nn.Module):
    """Scores of the coarsest map, made finer and added to those of finer ones."""

    def __init__(self, scores: list[nn.Module], ups: list[nn.Module]) -> None:
        super().__init__()
        self.scores = nn.ModuleList(scores)
        self.ups = nn.ModuleList(ups)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Three maps to ``(B, outputs, *shape)``."""
        x: Tensor = self.scores[0](maps[0])
        for i in range(1, len(self.scores)):
            x = self.ups[i - 1](x) + self.scores[i](maps[i])
        answer: Tensor = self.ups[-1](x)
        return answer


class _Fcn(Network):
    def __init__(self, features: nn.Module, classifier: nn.Module, decoder: nn.Module, *, axes: int, channels: int, outputs: int) -> None:
        super().__init__(axes=axes, channels=channels, outputs=outputs, multiple=_WHOLE, smallest=_WHOLE, dense=True)
        self.features = features
        self.classifier = classifier
        self.decoder = decoder

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """``features``, ``full`` (layers 6 and 7) and ``head``, all that is not VGG."""
        return [("features", self.features), ("full", self.classifier), ("head", self.decoder)]

    @property
    def trunk(self) -> nn.Module:
        """VGG."""
        return _Trunk(self.features, self.classifier)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        if not torch.compiler.is_exporting():
            self.check(x.shape[2:])
        answer: Tensor = self.head(self.trunk(x))
        return answer


def fcn(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    stride: Literal[32, 16, 8] = 8,
    depth: int = 16,
    norm: str | None = None,
    activation: str = "relu",
    classifier: Literal["auto", "imagenet", "none"] = "auto",
    dropout: float = 0.5,
    start: Literal["xavier", "bilinear"] = "xavier",
    decay: Literal["all", "up"] = "all",
    generator: torch.Generator | None = None,
) -> Network:
    """A dense network on VGG: ``(B, channels, *shape) -> (B, outputs, *shape)``; sizes must be multiples of 32.

    1-wide convolutions give scores of layer 7, of the fourth and of the third pooling; transposed convolutions of 4 by 2,
    4 by 2 and 16 by 8 bring them to the full grid (for ``stride=8``). VGG's weights have their published names, those of
    layers 6 and 7 too.

    Args:
        channels: Of the input; 3 for published weights.
        outputs: Logits a sample of the grid.
        axes: 1, 2 or 3.
        stride: Of the finest scores: 32, 16 or 8.
        depth: Of VGG: 11, 13, 16 or 19.
        norm: ``batch`` for the ``_bn`` nets; also ``instance``, ``group``.
        activation: Its name.
        classifier: ``imagenet`` keeps layers 6 and 7 as convolutions (119 million weights for pictures), ``none`` leaves
            them out; ``auto`` keeps them for pictures.
        dropout: Behind each of layers 6 and 7.
        start: Of what is not VGG: ``xavier``; ``bilinear``: the transposed convolutions interpolate at first.
        decay: ``up``: weight decay acts on what is not VGG alone.
        generator: For the starting weights.

    Raises:
        UsageError: An option that there is not.

    >>> fcn(channels=3, outputs=2, depth=11, classifier="none")(torch.zeros(1, 3, 32, 64)).shape
    torch.Size([1, 2, 32, 64])
    """
    if stride not in _STRIDES:
        raise UsageError("STRIDE", stride, "there is no FCN of this stride", "set stride: 32, 16 or 8")
    for given, known in ((classifier, _CLASSIFIERS), (start, _STARTS), (decay, _DECAYS)):
        if given not in known:
            raise UsageError("UNKNOWN_OPTION", given, f"must be one of: {', '.join(known)}", nearest(given, known))
    full = axes == 2 if classifier == "auto" else classifier == "imagenet"

    def decoder(inputs: int) -> _Decoder:
        finer = _POOLED[: _STRIDES[stride]]
        scores = [starting(conv(axes, n, outputs, kernel=1), "xavier") for n in (inputs, *finer)]
        factors = [2] * len(finer) + [stride]
        ups = [starting(upconv(axes, outputs, outputs, factor=f, kernel=2 * f), cast(Start, start)) for f in factors]
        return _Decoder(scores, ups)

    def make() -> _Fcn:
        trunk = vgg(channels=channels, outputs=1, axes=axes, depth=depth, norm=norm, activation=activation, classifier="pool")
        features = cast(nn.Module, trunk.features)
        layers: list[nn.Module] = []
        for inputs, kernel in ((_POOLED[0], 7), (_FULL, 1)) if full else ():
            layers += [Convolved(inputs, _FULL, kernel=kernel, axes=axes), activation_layer(activation), nn.Dropout(dropout)]
        rest = nn.Sequential(*layers)
        if decay == "up":
            undecayed(features)
            undecayed(rest)
        found = _Fcn(features, rest, decoder(_FULL if full else _POOLED[0]), axes=axes, channels=channels, outputs=outputs)
        found.published = trunk.published
        return found

    return built(make, generator, linear="normal")
