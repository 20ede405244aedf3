"""What a loss is: one number a sample."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Loss(Protocol):
    """``loss(logits, target) -> (B,)``: the mean over a sample's known entries, in float32.

    One number a sample, never a mean of the batch: the engine takes the mean over all samples of a step, so neither
    batch size nor accumulation changes the scale. A sample of which nothing is known has loss 0.
    """

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``."""
        ...


def mean_known(values: Tensor, known: Tensor) -> Tensor:
    """The mean of ``values`` where ``known``, a sample at a time: ``(B, ...) -> (B,)``; 0 where nothing is known.

    >>> import torch
    >>> mean_known(torch.tensor([[1.0, 3.0], [5.0, 7.0]]), torch.tensor([[True, True], [True, False]]))
    tensor([2., 5.])
    """
    values = values.flatten(1) if values.dim() > 1 else values[:, None]
    known = known.flatten(1) if known.dim() > 1 else known[:, None]
    # where, not a product: what is not known may be NaN or infinite.
    total = values.where(known, 0.0).sum(dim=1)
    return total / known.sum(dim=1).clamp(min=1)
