"""What intensity transforms need on tensors, for batches that a device reads; nothing here waits for the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def sent(array: NDArray[Any], like: Tensor) -> Tensor:
    """An array as a float32 tensor where another tensor lies."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    # only a copy from page-locked memory does not wait
    return tensor.pin_memory().to(like.device, non_blocking=True) if like.is_cuda else tensor.to(like.device)


def along(values: Tensor, axis: int, weights: NDArray[Any]) -> Tensor:
    """A matrix ``(new, old)`` applied along an axis.

    >>> import torch
    >>> along(torch.tensor([[1.0, 3.0]]), 1, np.array([[0.5, 0.5]])).tolist()
    [[2.0]]
    """
    return (values.movedim(axis, -1) @ sent(weights, values).T).movedim(-1, axis)
