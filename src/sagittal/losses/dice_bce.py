"""Soft Dice plus binary cross-entropy, each class by itself: classes may lie over each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses._overlap import overlap, truth_of
from sagittal.losses.bce import bce

_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class _DiceBce:
    bce: Loss
    background: int | None
    dice_share: float

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``target`` class indices ``(B, *shape)``, or findings 0/1 of the shape of ``logits``; below 0 is not known."""
        logits = logits.float()
        sums = overlap(torch.sigmoid(logits), target).without(self.background)
        losses = 1 - 2 * sums.both / (sums.said + sums.drawn).clamp(min=_SMALLEST)
        truth, known = truth_of(target, logits.flatten(2))
        findings = truth if known is None else truth.where(known > 0, -1.0)
        each = self.bce(logits.flatten(2), findings)
        return self.dice_share * sums.present(losses).mean(dim=1) + (1 - self.dice_share) * each


def dice_bce(*, background: int | None = 0, dice_share: float = 0.5) -> Loss:
    """``dice_share * (1 - Dice) + (1 - dice_share) * binary cross-entropy`` of sigmoids, a class at a time.

    ``logits (B, K, *shape)``; target ``(B, *shape)``, or findings ``(B, K, *shape)`` where classes overlap. A class that a
    sample does not have counts as in ``dice``.

    Args:
        background: The class that Dice leaves out; the cross-entropy has all.
        dice_share: From 0 (cross-entropy only) to 1 (Dice only).

    >>> dice_bce()(torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4, dtype=torch.long)).round(decimals=3)
    tensor([0.5130])
    """
    return _DiceBce(bce(), background, dice_share)
