"""Soft Dice (Milletari et al., 2016), plain, squared or generalised, a case at a time or over the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.errors import UsageError, nearest
from sagittal.losses._loss import Loss
from sagittal.losses._overlap import Overlap, overlap

_KINDS = ("soft", "squared", "generalised")
_OVER = ("case", "batch")
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class _Dice:
    kind: str
    together: bool
    background: int | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` class indices ``(B, *shape)``, ``IGNORE`` where not known."""
        p = torch.softmax(logits.float(), dim=1)
        sums = overlap(p, target, squared=self.kind == "squared", together=self.together).without(self.background)
        losses = _generalised(sums) if self.kind == "generalised" else sums.present(_dice(sums)).mean(dim=1)
        if not self.together:
            return losses
        return torch.where((target != IGNORE).flatten(1).any(dim=1), losses, 0.0)


def _dice(sums: Overlap) -> Tensor:
    return 1 - 2 * sums.both / (sums.said + sums.drawn).clamp(min=_SMALLEST)


def _generalised(sums: Overlap) -> Tensor:
    """One number a row, each class weighted by 1 / its volume squared; an absent class as the smallest present one."""
    present = sums.drawn > 0
    weight = (1 / sums.drawn.clamp(min=1).square()).where(present, 0.0)
    weight = weight.where(present, weight.max(dim=1, keepdim=True).values)
    both, all_of_it = (weight * sums.both).sum(dim=1), (weight * (sums.said + sums.drawn)).sum(dim=1)
    return torch.where(present.any(dim=1), 1 - 2 * both / all_of_it.clamp(min=_SMALLEST**2), sums.share.mean(dim=1))


def dice(
    *,
    kind: Literal["soft", "squared", "generalised"] = "soft",
    over: Literal["case", "batch"] = "case",
    background: int | None = 0,
) -> Loss:
    """``1 - Dice`` of the probabilities, averaged over the classes of a sample; 0 is perfect, 1 is nothing right.

    ``logits (B, K, *shape)``, target ``(B, *shape)``. A class that a sample does not have is not given a Dice of 0 or
    1: its loss is the share of the sample that the network gives to it, which is 0 when right and has a gradient when not.

    Args:
        kind: ``soft``: ``2 sum(p g) / (sum p + sum g)``; ``squared``: with ``sum p^2`` below (V-Net); ``generalised``:
            numerator and denominator are sums over the classes, each weighted by 1 / its volume squared (Sudre et al., 2017).
        over: ``case``: each sample has its own; ``batch``: the sums run over the batch and all its samples have the same
            loss, which is steadier for small objects, but then depends on the batch and is not exact under accumulation.
        background: The index of the class that is not averaged in; ``None`` averages all.

    Raises:
        UsageError: There is no such kind.

    >>> logits = torch.tensor([[[-9.0, -9.0], [9.0, 9.0]]])
    >>> dice()(logits, torch.tensor([[1, 1]])).round(decimals=3), dice()(logits, torch.tensor([[0, 0]])).round(decimals=3)
    (tensor([0.]), tensor([1.]))
    """
    if kind not in _KINDS:
        raise UsageError("UNKNOWN_KIND", kind, "there is no Dice of this kind", nearest(kind, _KINDS))
    if over not in _OVER:
        raise UsageError("UNKNOWN_KIND", over, "Dice is taken over a case or a batch", nearest(over, _OVER))
    return _Dice(kind, over == "batch", background)
