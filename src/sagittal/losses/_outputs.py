"""What a network gives in training: the answer alone, or a tuple that begins with it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

Outputs = Tensor | tuple[Tensor, ...]


class TrainingLoss(Protocol):
    """A loss that also takes what the network gives besides its answer."""

    def __call__(self, logits: Outputs, target: Tensor) -> Tensor:
        """One number a sample, ``(B,)``."""
        ...


def answer_of(outputs: Outputs) -> Tensor:
    """The answer, as evaluation would see it."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


def in_float32(outputs: Outputs) -> Outputs:
    """The same numbers in float32, as losses take them."""
    return outputs.float() if isinstance(outputs, Tensor) else tuple(part.float() for part in outputs)
