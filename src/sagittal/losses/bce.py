"""Binary cross-entropy of several independent findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from sagittal.losses._loss import Loss, mean_known


@dataclass(frozen=True, slots=True)
class _Bce:
    positive_weight: tuple[float, ...] | None
    label_smoothing: float

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits`` and ``target`` both ``(B, K, *shape)``; target in 0..1, below 0 is not known."""
        logits = logits.float()
        target = target.to(logits.dtype)
        known = target >= 0
        soft = target.clamp(min=0) * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        weight = None
        if self.positive_weight is not None:
            weight = logits.new_tensor(self.positive_weight).reshape(-1, *[1] * (logits.dim() - 2))
        return mean_known(F.binary_cross_entropy_with_logits(logits, soft, pos_weight=weight, reduction="none"), known)


def bce(*, positive_weight: Sequence[float] | None = None, label_smoothing: float = 0.0) -> Loss:
    """Mean over findings of ``-log p`` of present ones and ``-log (1 - p)`` of absent ones.

    ``logits`` and ``target`` ``(B, K, *shape)``, target bool or 0..1; a finding marked ``-1`` is left out.

    Args:
        positive_weight: A factor a finding on its present samples.
        label_smoothing: The share of the truth that is moved to one half.

    >>> import torch
    >>> bce()(torch.zeros(1, 3), torch.tensor([[1, 0, -1]]))
    tensor([0.6931])
    """
    return _Bce(None if positive_weight is None else tuple(positive_weight), label_smoothing)
