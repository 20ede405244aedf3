"""Embeddings of one object together, those of different objects apart (De Brabandere et al., 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.losses._loss import Loss

_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class _Contrastive:
    near: float
    far: float
    pull: float
    push: float
    shrink: float
    background: int | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, E, *shape)`` are embeddings; ``target`` object numbers ``(B, *shape)``."""
        pairs = zip(logits.float().flatten(2), target.flatten(1), strict=True)
        return torch.stack([self._of_sample(points.T, objects) for points, objects in pairs])

    def _of_sample(self, points: Tensor, objects: Tensor) -> Tensor:
        """Of embeddings ``(n, E)`` and their objects ``(n,)``."""
        counts = objects != IGNORE
        if self.background is not None:
            counts = counts & (objects != self.background)
        points = points[counts]
        if not len(points):
            return points.sum()
        names, index = torch.unique(objects[counts], return_inverse=True)
        sizes = torch.bincount(index).to(points.dtype)
        centres = points.new_zeros(len(names), points.shape[1]).index_add(0, index, points) / sizes[:, None]
        apart = (_length(points - centres[index]) - self.near).clamp(min=0).square()
        pull = (points.new_zeros(len(names)).index_add(0, index, apart) / sizes).mean()
        return self.pull * pull + self.push * self._push(centres) + self.shrink * _length(centres).mean()

    def _push(self, centres: Tensor) -> Tensor:
        n = len(centres)
        if n == 1:
            return centres.new_zeros(())
        one, other = torch.triu_indices(n, n, offset=1, device=centres.device)
        return (2 * self.far - _length(centres[one] - centres[other])).clamp(min=0).square().mean()


def _length(vectors: Tensor) -> Tensor:
    # the square root has no slope at 0, where a single sample is its own centre
    return (vectors.square().sum(dim=1) + _SMALLEST).sqrt()


def contrastive(
    *,
    near: float = 0.5,
    far: float = 1.5,
    pull: float = 1.0,
    push: float = 1.0,
    shrink: float = 0.001,
    background: int | None = None,
) -> Loss:
    """Discriminative loss of embeddings ``(B, E, *shape)`` and object numbers ``(B, *shape)``.

    A sum of three means over a sample's objects: how far an object's points lie from its centre beyond ``near``, squared;
    how much closer two centres are than ``2 far``, squared; the length of the centres. One object has nothing to be
    pushed from; a sample without objects has loss 0.

    Args:
        near: Points that are nearer to their centre are not pulled.
        far: Centres that are further apart than twice this are not pushed.
        pull: Weight of the first term.
        push: Weight of the second.
        shrink: Weight of the third.
        background: The number that is no object; ``None`` takes 0 for an object too, as MedicalZoo does. MedicalZoo counts
            the objects of the whole batch, and divides by 0 where a sample lacks one of them.

    >>> logits = torch.tensor([[[0.0, 0.0, 9.0, 9.0]]])
    >>> contrastive(shrink=0)(logits, torch.tensor([[0, 0, 1, 1]]))
    tensor([0.])
    """
    return _Contrastive(near, far, pull, push, shrink, background)
