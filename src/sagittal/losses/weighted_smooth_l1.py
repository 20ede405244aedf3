"""Smooth L1 in which small truths, or large ones, count less."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses._values import ValueLoss


def weighted_smooth_l1(*, threshold: float = 0.0, weight: float = 0.1, below: bool = True, beta: float = 1.0) -> Loss:
    """Smooth L1, times ``weight`` where the truth lies below ``threshold``; both ``(B, K, *shape)``, NaN is not known.

    Args:
        threshold: In the truth's unit.
        weight: Of the entries on that side.
        below: The side: entries below the threshold, or else those from the threshold on.
        beta: Where the square turns into a straight line.

    >>> import torch
    >>> weighted_smooth_l1()(torch.zeros(1, 2), torch.tensor([[-2.0, 2.0]]))
    tensor([0.8250])
    """

    def penalty(answer: Tensor, truth: Tensor) -> Tensor:
        less = truth < threshold if below else truth >= threshold
        factor = less.to(answer.dtype) * (weight - 1) + 1
        return F.smooth_l1_loss(answer, truth, beta=beta, reduction="none") * factor

    return ValueLoss(penalty)
