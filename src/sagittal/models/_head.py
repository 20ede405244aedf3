"""The layers that answer, at the end of a classification network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sagittal.models._blocks.activations import activation as activation_layer


def answer(inputs: int, outputs: int, *, hidden: Sequence[int] = (), dropout: float = 0.0, activation: str = "relu") -> nn.Module:
    """Fully connected layers ``(B, inputs) -> (B, outputs)``.

    A plain ``Linear`` when there is nothing else to do, so that its weights carry the published names.

    Args:
        inputs: Features.
        outputs: Logits.
        hidden: Widths of layers in between, each followed by the activation and dropout.
        dropout: The rate; with no hidden layer it acts on the features.
        activation: Its name.

    >>> answer(4096, 4, hidden=[256], dropout=0.4)
    Sequential(
      (0): Linear(in_features=4096, out_features=256, bias=True)
      (1): ReLU()
      (2): Dropout(p=0.4, inplace=False)
      (3): Linear(in_features=256, out_features=4, bias=True)
    )
    """
    if not hidden:
        last = nn.Linear(inputs, outputs)
        return nn.Sequential(nn.Dropout(dropout), last) if dropout else last
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), activation_layer(activation), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
