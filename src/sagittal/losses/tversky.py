"""Tversky loss (Salehi et al., 2017): false alarms and misses are weighed apart; focal with an exponent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses._overlap import overlap

_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class _Tversky:
    alpha: float
    beta: float
    gamma: float
    background: int | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` class indices ``(B, *shape)``, ``IGNORE`` where not known."""
        sums = overlap(torch.softmax(logits.float(), dim=1), target).without(self.background)
        alarms, misses = sums.said - sums.both, sums.drawn - sums.both
        wrong = self.alpha * alarms + self.beta * misses
        # what is wrong over everything, not 1 - what is right: exact, and never below 0, near perfect answers
        losses = sums.present((wrong / (sums.both + wrong).clamp(min=_SMALLEST)).clamp(min=0))
        if self.gamma != 1:
            losses = losses.clamp(min=_SMALLEST) ** self.gamma * (losses > 0)
        return losses.mean(dim=1)


def tversky(*, alpha: float = 0.3, beta: float = 0.7, gamma: float = 1.0, background: int | None = 0) -> Loss:
    """``(1 - TP / (TP + alpha FP + beta FN)) ** gamma`` of the probabilities, averaged over the classes of a sample.

    ``alpha = beta = .5`` is Dice. A class that a sample does not have counts as in ``dice``.

    Args:
        alpha: Weight of false alarms.
        beta: Weight of misses: more than ``alpha`` finds more of small objects.
        gamma: Above 1, classes that are found well count less; below 1, more (Abraham and Khan, 2019, write 1 / gamma).
        background: The class that is not averaged in; ``None`` averages all.

    >>> logits = torch.tensor([[[9.0, -9.0], [-9.0, 9.0]]])
    >>> tversky()(logits, torch.tensor([[1, 1]])).round(decimals=3)
    tensor([0.4120])
    """
    return _Tversky(alpha, beta, gamma, background)
