"""Soft Dice plus cross-entropy: the default of segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses.cross_entropy import cross_entropy
from sagittal.losses.dice import dice as soft_dice


@dataclass(frozen=True, slots=True)
class _DiceCe:
    dice: Loss
    ce: Loss
    dice_share: float

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` class indices ``(B, *shape)``."""
        return self.dice_share * self.dice(logits, target) + (1 - self.dice_share) * self.ce(logits, target)


def dice_ce(
    *,
    weight: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
    background: int | None = 0,
    dice_share: float = 0.5,
    kind: Literal["soft", "squared", "generalised"] = "soft",
    over: Literal["case", "batch"] = "case",
) -> Loss:
    """``dice_share * dice + (1 - dice_share) * cross_entropy``.

    Args:
        weight: A factor a class, for the cross-entropy.
        label_smoothing: Of the cross-entropy.
        background: The class that Dice leaves out.
        dice_share: From 0 (cross-entropy only) to 1 (Dice only).
        kind: Of Dice.
        over: What Dice is taken over.

    >>> import torch
    >>> dice_ce()(torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4, dtype=torch.long)).round(decimals=3)
    tensor([0.5130])
    """
    overlap = soft_dice(kind=kind, over=over, background=background)
    return _DiceCe(overlap, cross_entropy(weight=weight, label_smoothing=label_smoothing), dice_share)
