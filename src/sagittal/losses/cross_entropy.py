"""Cross-entropy of one class among several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.losses._loss import Loss, mean_known


@dataclass(frozen=True, slots=True)
class _CrossEntropy:
    weight: tuple[float, ...] | None
    label_smoothing: float

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` class indices ``(B, *shape)`` or probabilities ``(B, K, *shape)``."""
        logits = logits.float()
        weight = None if self.weight is None else logits.new_tensor(self.weight)
        if target.is_floating_point():
            known = (target >= 0).all(dim=1)
            target = target.to(logits.dtype).clamp(min=0)
            losses = F.cross_entropy(logits, target, weight=weight, label_smoothing=self.label_smoothing, reduction="none")
        else:
            known = target != IGNORE
            losses = F.cross_entropy(
                logits, target.long(), weight=weight, label_smoothing=self.label_smoothing, ignore_index=IGNORE, reduction="none"
            )
        return mean_known(losses, known)


def cross_entropy(*, weight: Sequence[float] | None = None, label_smoothing: float = 0.0) -> Loss:
    """Cross-entropy ``-log p(truth)``; ``logits (B, K, *shape)``, target ``(B, *shape)`` or soft ``(B, K, *shape)``.

    Args:
        weight: A factor a class, on the loss of a sample, not renormalised: weights with mean 1 over the training
            samples keep the scale.
        label_smoothing: The share of the truth that is spread evenly over all classes.

    >>> import torch
    >>> cross_entropy()(torch.zeros(2, 4), torch.tensor([3, -1]))
    tensor([1.3863, 0.0000])
    """
    return _CrossEntropy(None if weight is None else tuple(weight), label_smoothing)
