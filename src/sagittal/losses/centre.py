"""Objects as points (CenterNet: Zhou et al., 2019): heat at centres, sizes and offsets there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sagittal.losses._loss import Loss


@dataclass(frozen=True, slots=True)
class _Centre:
    alpha: float
    beta: float
    size_share: float

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Both ``(B, K + 2 * axes, *shape)``."""
        logits = logits.float()
        target = target.to(logits.dtype)
        axes = logits.dim() - 2
        classes = logits.shape[1] - 2 * axes
        heat, truth = logits[:, :classes], target[:, :classes]
        known, centre = truth >= 0, truth >= 1
        objects = centre.flatten(1).sum(dim=1).clamp(min=1)
        found = self._heat(heat, truth, centre).where(known, 0.0).flatten(1).sum(dim=1)
        at = centre.any(dim=1, keepdim=True)
        away = (logits[:, classes:] - target[:, classes:]).abs().where(at, 0.0)
        sizes, offsets = away[:, :axes].flatten(1).sum(dim=1), away[:, axes:].flatten(1).sum(dim=1)
        return (found + self.size_share * sizes + offsets) / objects

    def _heat(self, heat: Tensor, truth: Tensor, centre: Tensor) -> Tensor:
        p = torch.sigmoid(heat)
        hit = -((1 - p) ** self.alpha) * F.logsigmoid(heat)
        # Near a centre a false alarm is almost right: the penalty falls with the Gaussian.
        alarm = -((1 - truth.clamp(0, 1)) ** self.beta) * p**self.alpha * F.logsigmoid(-heat)
        return torch.where(centre, hit, alarm)


def centre(*, alpha: float = 2.0, beta: float = 4.0, size_share: float = 0.1) -> Loss:
    """Penalty-reduced focal loss of the heat plus L1 of size and offset at the centres, a mean over the objects.

    Channels of ``logits`` and ``target``: ``K`` heat maps (the target is a Gaussian around each centre, exactly 1 at the
    centre, below 0 where not known), ``axes`` sizes, ``axes`` offsets of the centre from its grid point. Sizes and
    offsets only count where a heat map is 1; their unit is the caller's (samples of the output grid). A picture
    without objects counts its false alarms.

    Args:
        alpha: How much less an easy point counts.
        beta: How fast the penalty falls near a centre.
        size_share: Weight of the sizes.

    >>> centre()(torch.full((1, 5, 4, 4), -9.0), torch.zeros(1, 5, 4, 4)).round(decimals=3)
    tensor([0.])
    """
    return _Centre(alpha, beta, size_share)
