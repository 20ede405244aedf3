"""Deep supervision: answers on ever coarser grids each have a share of the loss (Lee et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses._outputs import Outputs


@dataclass(frozen=True, slots=True)
class Deep:
    """The weighted mean of a loss over answers on several grids; each counts half of the one before.

    Args:
        loss: Of one answer.
    """

    loss: Loss

    def __call__(self, logits: Outputs, target: Tensor) -> Tensor:
        """One answer, or a tuple with the full grid first; the target is taken at the samples nearest to the grid's."""
        if isinstance(logits, Tensor):
            return self.loss(logits, target)
        weights = [0.5**i for i in range(len(logits))]
        losses = [self.loss(one, nearest(target, one.shape[2:])) for one in logits]
        return torch.stack([w * loss for w, loss in zip(weights, losses, strict=True)]).sum(dim=0) / sum(weights)


def nearest(target: Tensor, shape: Sequence[int]) -> Tensor:
    """A target ``(B, [K,] *grid)`` on a grid of another shape over the same extent: values are picked, never mixed.

    >>> nearest(torch.arange(8)[None], (4,))
    tensor([[1, 3, 5, 7]])
    """
    first = target.dim() - len(shape)
    for axis, size in enumerate(shape, first):
        length = target.shape[axis]
        if length != size:
            # the middle of each coarse sample, as interpolation with half-sample centres has it
            at = (torch.arange(size, device=target.device) * 2 + 1) * length // (2 * size)
            target = target.index_select(axis, at)
    return target
