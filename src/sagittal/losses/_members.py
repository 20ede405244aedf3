"""Several networks trained side by side: each has its own loss, and the sample's loss is their mean."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sagittal.losses._loss import Loss


@dataclass(frozen=True, slots=True)
class _OfMembers:
    loss: Loss
    members: int

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, members, K, ...)`` in training, ``(B, K, ...)``, already averaged, otherwise."""
        if not are_stacked(logits, target, self.members):
            return self.loss(logits, target)
        b = logits.shape[0]
        losses = self.loss(logits.flatten(0, 1), target.repeat_interleave(self.members, dim=0))
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
