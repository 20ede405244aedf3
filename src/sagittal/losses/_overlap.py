"""What probabilities and truth have in common, a sample and a class at a time: the sums behind Dice and Tversky."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sagittal.core.annotation import IGNORE


@dataclass(frozen=True, slots=True)
class Overlap:
    """Sums over what is known, each ``(B, K)``; one row where the whole batch is taken together.

    Args:
        both: Of probability times truth.
        said: Of the probability, or of its square.
        drawn: Of the truth.
        share: The mean probability.
    """

    both: Tensor
    said: Tensor
    drawn: Tensor
    share: Tensor

    def without(self, background: int | None) -> Overlap:
        """The same without one class."""
        if background is None:
            return self
        rest = [k for k in range(self.both.shape[1]) if k != background]
        return Overlap(self.both[:, rest], self.said[:, rest], self.drawn[:, rest], self.share[:, rest])

    def present(self, losses: Tensor) -> Tensor:
        """The losses of classes that the truth has; of the others the share of what is given to them.

        A class that a sample does not have has no overlap to speak of. Its share is 0 when right and has a gradient
        when not.
        """
        return torch.where(self.drawn > 0, losses, self.share)


def overlap(p: Tensor, target: Tensor, *, squared: bool = False, together: bool = False) -> Overlap:
    """The sums of probabilities ``(B, K, *shape)`` and a truth.

    Args:
        p: In float32.
        target: Class indices ``(B, *shape)``, or findings ``(B, K, *shape)``; below 0 is not known.
        squared: Of the probabilities' squares, as V-Net has it.
        together: Over the whole batch.
    """
    p = p.flatten(2)
    truth, known = truth_of(target, p)
    said = p.square() if squared else p
    if known is not None:
        # products, not a mask afterwards: what is not known gives no gradient
        truth, said, mean = truth * known, said * known, p * known
    else:
        mean = p
    sums = [(p * truth).sum(dim=2), said.sum(dim=2), truth.sum(dim=2), mean.sum(dim=2)]
    n = p.new_full(sums[0].shape, p.shape[2]) if known is None else known.sum(dim=2).expand_as(sums[0])
    if together:
        sums, n = [part.sum(dim=0, keepdim=True) for part in sums], n.sum(dim=0, keepdim=True)
    return Overlap(sums[0], sums[1], sums[2], sums[3] / n.clamp(min=1))


def truth_of(target: Tensor, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """0 and 1 ``(B, K, n)`` of a target, and what of it is known, ``None`` for everything.

    >>> truth_of(torch.tensor([[0, 1, -1]]), torch.zeros(1, 2, 3))[1]
    tensor([[[1., 1., 0.]]])
    """
    if target[0].numel() == like[0].numel():
        truth = target.reshape(like.shape).to(like.dtype)
        return (truth.clamp(min=0) > 0.5).to(like.dtype), _mask(truth >= 0, like)
    flat = target.flatten(1)[:, None]
    classes = torch.arange(like.shape[1], device=like.device, dtype=flat.dtype)[:, None]
    return (flat == classes).to(like.dtype), _mask(flat != IGNORE, like)


def _mask(known: Tensor, like: Tensor) -> Tensor | None:
    """None where all is known, which saves a pass over the memory; a GPU has that pass done before it could be asked."""
    return None if like.device.type == "cpu" and bool(known.all()) else known.to(like.dtype)
