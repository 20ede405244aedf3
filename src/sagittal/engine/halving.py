"""Answers in smaller parts where the memory of a device is too small for all of them at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagittal.errors import LimitExceeded
from sagittal.failures import is_out_of_memory

Floats = NDArray[np.float32]


def in_parts(ask: Callable[[Tensor], Floats], x: Tensor) -> Floats:
    """What ``ask`` gives for a batch ``(B, ...)``; where there is no memory for it, for its halves, one after the other.

    Raises:
        LimitExceeded: There is no memory for one sample.

    >>> def small(x):
    ...     if len(x) > 2:
    ...         raise torch.OutOfMemoryError("CUDA out of memory")
    ...     return x.numpy()
    >>> in_parts(small, torch.arange(5.0)).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    try:
        return ask(x)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        said = str(error).partition("\n")[0][:120]
    # Here the error and the tensors that its frames held are gone.
    if len(x) == 1:
        size = "x".join(map(str, x.shape[2:]))
        what = f"a window of {size} does not fit into memory ({said})"
        raise LimitExceeded("OUT_OF_MEMORY", "memory", what, "close other programs, lower --max-ram, or use --device cpu")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = (len(x) + 1) // 2
    return np.concatenate([in_parts(ask, x[:half]), in_parts(ask, x[half:])])
