"""What the losses of measured values share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sagittal.losses._loss import mean_known


@dataclass(frozen=True, slots=True)
class ValueLoss:
    """``penalty(answer, truth)``, entry by entry; an entry whose truth is NaN is not known."""

    penalty: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Both ``(B, K, *shape)``."""
        logits = logits.float()
        target = target.to(logits.dtype).reshape(logits.shape)
        known = ~target.isnan()
        # Replaced before the penalty: a NaN that is only masked afterwards still poisons the gradient.
        return mean_known(self.penalty(logits, target.where(known, logits.detach())), known)
