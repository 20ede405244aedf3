"""Mean absolute error."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F

from sagittal.losses._loss import Loss
from sagittal.losses._values import ValueLoss


def l1() -> Loss:
    """Mean of ``|answer - truth|`` over the values of a sample; both ``(B, K, *shape)``; NaN truth is left out.

    >>> import torch
    >>> l1()(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 3.0]]))
    tensor([1.5000])
    """
    return ValueLoss(partial(F.l1_loss, reduction="none"))
