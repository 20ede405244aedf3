"""Boundary loss (Kervadec et al., 2019): what is wrong counts by its distance from the true border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from sagittal.core.annotation import IGNORE
from sagittal.losses._loss import Loss, mean_known
from sagittal.losses.dice import dice


@dataclass(frozen=True, slots=True)
class _Boundary:
    dice: Loss
    dice_share: float
    background: int | None
    spacing: tuple[float, ...] | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """``logits (B, K, *shape)``; ``target`` class indices ``(B, *shape)``, ``IGNORE`` where not known."""
        p = torch.softmax(logits.float(), dim=1)
        classes = [k for k in range(p.shape[1]) if k != self.background]
        truth = np.stack([target.cpu().numpy() == k for k in classes], axis=1)
        away = torch.from_numpy(self._distances(truth)).to(p.device)
        # |distance| * |p - g|: the article's integral plus the constant that makes a perfect answer 0
        wrong = away * (p[:, classes] - torch.from_numpy(truth).to(p)).abs()
        known = (target != IGNORE)[:, None].expand_as(wrong)
        return (1 - self.dice_share) * mean_known(wrong, known) + self.dice_share * self.dice(logits, target)

    def _distances(self, truth: NDArray[np.bool_]) -> NDArray[np.float32]:
        """From every sample to the nearest one on the other side of the border, ``(B, K, *shape)``; 1 without a border."""
        away = np.ones(truth.shape, dtype=np.float32)
        for mask, found in zip(truth.reshape(-1, *truth.shape[2:]), away.reshape(-1, *truth.shape[2:]), strict=True):
            if mask.any() and not mask.all():
                inside, outside = (ndimage.distance_transform_edt(side, sampling=self.spacing) for side in (mask, ~mask))
                np.add(inside, outside, out=found, casting="unsafe")
        return away


def boundary(*, dice_share: float = 0.5, background: int | None = 0, spacing: Sequence[float] | None = None) -> Loss:
    """``dice_share * (1 - Dice) + (1 - dice_share) * mean(|distance| |p - g|)``; ``logits (B, K, *shape)``, target ``(B, *shape)``.

    The distance of a sample is to the nearest sample centre on the other side of the class's true border: in samples,
    or in the unit of ``spacing``. It is computed from each target as it comes. With the signed distance ``phi``, below 0
    inside, the article's loss is ``mean(phi p)``: the same gradient, but the best value differs with every case and lies
    below 0; ours is 0 there. A class that a case does not have (or that fills it) has no border: every sample has distance 1.

    Args:
        dice_share: The border alone is content with nothing at all for small objects, so Dice stands beside it.
        background: The class that is left out; ``None`` takes all.
        spacing: Of the grid, one number an axis.

    Source: Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL (2019).

    >>> logits = torch.tensor([[[9.0, 9.0, 9.0, -9.0], [-9.0, -9.0, -9.0, 9.0]]])
    >>> boundary(dice_share=0)(logits, torch.tensor([[1, 1, 0, 0]])).round(decimals=3)
    tensor([1.2500])
    """
    return _Boundary(dice(background=background), dice_share, background, None if spacing is None else tuple(spacing))
