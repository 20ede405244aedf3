"""Absolute error, squared near zero (Huber)."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F

from sagittal.losses._loss import Loss
from sagittal.losses._values import ValueLoss


def smooth_l1(*, beta: float = 1.0) -> Loss:
    """Mean of ``|d| - beta / 2``, or ``d ** 2 / (2 beta)`` where ``|d| < beta``; NaN truth is left out.

    Args:
        beta: Where the square ends, in the unit of the values.

    >>> import torch
    >>> smooth_l1()(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.5]]))
    tensor([0.8125])
    """
    return ValueLoss(partial(F.smooth_l1_loss, reduction="none", beta=beta))
