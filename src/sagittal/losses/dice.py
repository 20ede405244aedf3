"""Soft Dice (Milletari et al., 2016), a sample and a class at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.losses._loss import Loss


@dataclass(frozen=True, slots=True)
class _Dice:
    background: int | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` class indices ``(B, *shape)``, ``IGNORE`` where not known."""
        p = torch.softmax(logits.float(), dim=1).flatten(2)
        target = target.flatten(1).long()
        known = (target != IGNORE)[:, None]
        truth = F.one_hot(target.clamp(min=0), p.shape[1]).transpose(1, 2) * known
        p = p * known
        both = (p * truth).sum(dim=2)
        said, drawn = p.sum(dim=2), truth.sum(dim=2)
        overlap = 1 - 2 * both / (said + drawn).clamp(min=1e-6)
        absent = said / known.sum(dim=2).clamp(min=1)
        losses = torch.where(drawn > 0, overlap, absent)
        if self.background is not None:
            losses = losses[:, [k for k in range(losses.shape[1]) if k != self.background]]
        return losses.mean(dim=1)


def dice(*, background: int | None = 0) -> Loss:
    """``1 - Dice`` of the probabilities, averaged over the classes of a sample; 0 is perfect, 1 is nothing right.

    ``logits (B, K, *shape)``, target ``(B, *shape)``. A class that a sample does not have is not given a Dice of 0 or
    1: its loss is the share of the sample that the network gives to it, which is 0 when right and has a gradient when not.

    Args:
        background: The index of the class that is not averaged in; ``None`` averages all.

    >>> logits = torch.tensor([[[-9.0, -9.0], [9.0, 9.0]]])
    >>> dice()(logits, torch.tensor([[1, 1]])).round(decimals=3), dice()(logits, torch.tensor([[0, 0]])).round(decimals=3)
    (tensor([0.]), tensor([1.]))
    """
    return _Dice(background)
