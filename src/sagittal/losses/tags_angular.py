"""The squared angle between directions (Bai and Urtasun, 2017: the deep watershed's direction net)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.losses._loss import Loss, mean_known

_SMALLEST = 1e-8


@dataclass(frozen=True, slots=True)
class _TagsAngular:
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` directions of the same shape, or class indices ``(B, *shape)``."""
        logits = logits.float()
        if target.is_floating_point():
            length = target.float().norm(dim=1)
            known = length > 0
            truth = target.float().where(known[:, None], 1.0)
        else:
            known = target != IGNORE
            truth = F.one_hot(target.long().clamp(min=0), logits.shape[1]).movedim(-1, 1).float()
        said = logits.where(known[:, None], truth)
        return mean_known(_angle(said, truth).square(), known)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    """Between vectors along axis 1, from 0 to pi; exact near 0 and pi, where an arc cosine has no slope (Kahan, 2006)."""
    a, b = (v / v.norm(dim=1, keepdim=True).clamp(min=_SMALLEST) for v in (a, b))
    return 2 * torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))


def tags_angular() -> Loss:
    """The mean squared angle, in radians, between the answer and the true direction at each sample of the grid.

    Target: directions ``(B, K, *shape)`` of any length, not known where the length is 0 or NaN; or class indices
    ``(B, *shape)``, each of which is the direction of its own axis, as MedicalZoo has it. MedicalZoo's divides by lengths of
    another shape than its vectors, sums over the batch and weighs three outputs: those are ``deep_supervision`` here.

    >>> up, right = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [2.0]]])
    >>> tags_angular()(up, right).sqrt()
    tensor([1.5708])
    """
    return _TagsAngular()
