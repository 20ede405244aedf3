"""Focal loss (Lin et al., 2017): easy samples count less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.losses._loss import Loss, mean_known


@dataclass(frozen=True, slots=True)
class _Focal:
    gamma: float
    weight: tuple[float, ...] | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``target`` class indices ``(B, *shape)``, or findings 0/1 of the shape of ``logits``."""
        logits = logits.float()
        findings = target.shape == logits.shape
        log_p, known, factor = self._findings(logits, target) if findings else self._classes(logits, target)
        return mean_known(-((1 - log_p.exp()) ** self.gamma) * log_p * factor, known)

    def _classes(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        known = target != IGNORE
        index = target.long().clamp(min=0)
        log_p = torch.log_softmax(logits, dim=1).gather(1, index[:, None])[:, 0]
        return log_p, known, self._weights(logits)[index]

    def _findings(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        present = target.to(logits.dtype) > 0.5
        weight = self._weights(logits).reshape(-1, *[1] * (logits.dim() - 2))
        log_p = F.logsigmoid(torch.where(present, logits, -logits))
        return log_p, target >= 0, torch.where(present, weight, 1.0)

    def _weights(self, logits: Tensor) -> Tensor:
        return logits.new_ones(logits.shape[1]) if self.weight is None else logits.new_tensor(self.weight)


def focal(*, gamma: float = 2.0, weight: Sequence[float] | None = None) -> Loss:
    """``-(1 - p) ** gamma * log p`` of the truth; ``gamma=0`` is cross-entropy.

    ``logits (B, K, *shape)``; target either class indices ``(B, *shape)`` (softmax) or findings ``(B, K, *shape)``
    of 0 and 1 (sigmoid); ``-1`` is not known.

    Args:
        gamma: How much less an easy sample counts.
        weight: A factor a class; for findings, on the present ones.

    >>> focal()(torch.zeros(1, 2), torch.tensor([1])).round(decimals=4)
    tensor([0.1733])
    """
    return _Focal(gamma, None if weight is None else tuple(weight))
