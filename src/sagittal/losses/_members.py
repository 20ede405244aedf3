"""Several networks trained side by side: each has its own loss, and the sample's loss is their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses._outputs import Outputs, TrainingLoss, answer_of


@dataclass(frozen=True, slots=True)
class _OfMembers:
    loss: Loss
    members: int

    def __call__(self, logits: Outputs, target: Tensor) -> Tensor:
        """``logits (B, members, K, ...)`` in training, ``(B, K, ...)``, already averaged, otherwise."""
        first = answer_of(logits)
        # only a loss of the network's own kind is given a tuple
        loss = cast(TrainingLoss, self.loss)
        if not are_stacked(first, target, self.members):
            return loss(logits, target)
        b = first.shape[0]
        flat = logits.flatten(0, 1) if isinstance(logits, Tensor) else tuple(part.flatten(0, 1) for part in logits)
        losses = loss(flat, target.repeat_interleave(self.members, dim=0))
        return losses.view(b, self.members).mean(dim=1)


def are_stacked(logits: Tensor, target: Tensor, members: int) -> bool:
    """Whether logits still have an axis of members: one axis more than answers to these targets have."""
    plain = target.dim() if target.is_floating_point() else target.dim() + 1
    return logits.dim() == plain + 1 and logits.shape[1] == members


def of_members(loss: Loss, members: int) -> Loss:
    """The loss of a network of members; the loss itself where there is one member.

    >>> import torch
    >>> from sagittal.losses.mse import mse
    >>> of_members(mse(), 2)(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[0.0]]))
    tensor([5.])
    """
    return loss if members == 1 else _OfMembers(loss, members)
