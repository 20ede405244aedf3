"""VGG (Simonyan and Zisserman, 2015), with the published names of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from sagittal.errors import UsageError, nearest
from sagittal.models._blocks.activations import activation as activation_layer
from sagittal.models._blocks.layers import conv, max_pool, mean_to
from sagittal.models._blocks.layers import norm as norm_layer
from sagittal.models._blocks.weights import built
from sagittal.models._head import answer
from sagittal.models._network import Network, flat

_WIDTHS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_POOLED = 7
_CLASSIFIERS = ("auto", "imagenet", "pool")


class _Vgg(Network):
    def __init__(self, features: nn.Sequential, classifier: nn.Module, *, pooled: int, axes: int, channels: int, outputs: int) -> None:
        super().__init__(axes=axes, channels=channels, outputs=outputs, smallest=2 ** len(_WIDTHS))
        self.features = features
        self.avgpool = mean_to(axes, pooled)
        self.classifier = classifier

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """``block1`` to ``block5``, ``pool``, ``full1`` and ``full2`` where they exist, ``head``."""
        ends = [i + 1 for i, layer in enumerate(self.features) if type(layer).__name__.startswith("MaxPool")]
        starts = [0, *ends[:-1]]
        named: list[tuple[str, nn.Module]] = [
            (f"block{n}", self.features[a:b]) for n, (a, b) in enumerate(zip(starts, ends, strict=True), 1)
        ]
        named.append(("pool", nn.Sequential(self.avgpool, flat())))
        if not isinstance(self.classifier, _Full):
            return [*named, ("head", self.classifier)]
        return [*named, ("full1", self.classifier[:3]), ("full2", self.classifier[3:6]), ("head", self.classifier[6])]


class _Full(nn.Sequential):
    """The three fully connected layers of the article; 0 to 5 belong to the trunk, 6 answers."""


def vgg(
    *,
    channels: int,
    outputs: int,
    axes: int = 2,
    depth: int = 16,
    norm: str | None = None,
    activation: str = "relu",
    classifier: Literal["auto", "imagenet", "pool"] = "auto",
    trunk_dropout: float = 0.5,
    head: Sequence[int] = (),
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Network:
    """A VGG classifier: ``(B, channels, *shape) -> (B, outputs)``.

    Args:
        channels: Of the input; 3 for published weights.
        outputs: Logits.
        axes: 1, 2 or 3.
        depth: 11, 13, 16 or 19 layers with weights.
        norm: ``batch`` for the ``_bn`` nets; also ``instance``, ``group``.
        activation: Its name.
        classifier: ``imagenet`` has the two layers of 4096 units, ``pool`` answers from the mean of the last features;
            ``auto`` is ``imagenet`` for pictures and ``pool`` elsewhere (7 x 7 x 7 x 512 features are too many).
        trunk_dropout: Behind each layer of 4096 units.
        head: Widths of hidden layers that replace the last layer, as ``[256]``.
        dropout: In the head.
        generator: For the starting weights.

    Raises:
        UsageError: There is no net of this depth.

    >>> vgg(channels=1, outputs=2, depth=11, classifier="pool")(torch.zeros(1, 1, 32, 40)).shape
    torch.Size([1, 2])
    """
    if depth not in _CONVOLUTIONS:
        raise UsageError("DEPTH", depth, "there is no VGG of this depth", f"choose one of: {', '.join(map(str, _CONVOLUTIONS))}")
    if classifier not in _CLASSIFIERS:
        raise UsageError("UNKNOWN_CLASSIFIER", classifier, "there is no classifier of this name", nearest(classifier, _CLASSIFIERS))
    full = axes == 2 if classifier == "auto" else classifier == "imagenet"

    def features() -> nn.Sequential:
        layers: list[nn.Module] = []
        inputs = channels
        for width, repeats in zip(_WIDTHS, _CONVOLUTIONS[depth], strict=True):
            for _ in range(repeats):
                layers.append(conv(axes, inputs, width))
                # No layer where there is no norm: the published names count them.
                layers += [norm_layer(norm, axes, width)] if norm else []
                layers.append(activation_layer(activation))
                inputs = width
            layers.append(max_pool(axes))
        return nn.Sequential(*layers)

    def make() -> _Vgg:
        inputs = 4096 if full else _WIDTHS[-1]
        last = answer(inputs, outputs, hidden=head, dropout=dropout, activation=activation)
        chain = _full(_WIDTHS[-1] * _POOLED**axes, last, dropout=trunk_dropout, activation=activation) if full else last
        return _Vgg(features(), chain, pooled=_POOLED if full else 1, axes=axes, channels=channels, outputs=outputs)

    network = built(make, generator, linear="normal")
    if axes == 2 and activation == "relu" and norm in {None, "batch"} and channels in {1, 3}:
        network.published = f"vgg{depth}" + ("_bn" if norm else "")
    return network


def _full(inputs: int, last: nn.Module, *, dropout: float, activation: str) -> _Full:
    layers: list[nn.Module] = []
    for n in (inputs, 4096):
        layers += [nn.Linear(n, 4096), activation_layer(activation), nn.Dropout(dropout)]
    return _Full(*layers, last)
