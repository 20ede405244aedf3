"""Mean squared error."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F

from sagittal.losses._loss import Loss
from sagittal.losses._values import ValueLoss


def mse() -> Loss:
    """Mean of ``(answer - truth) ** 2`` over the values of a sample; both ``(B, K, *shape)``; NaN truth is left out.

    >>> import torch
    >>> mse()(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, float("nan")]]))
    tensor([4.])
    """
    return ValueLoss(partial(F.mse_loss, reduction="none"))
