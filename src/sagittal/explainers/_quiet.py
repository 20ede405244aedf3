"""Asking a network without changing it, and what every map keeps to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sagittal.errors import NumericFailure

Attend = Callable[[Tensor], Tensor]
"""What is explained: the network's answer to one sample, ``(1, K, ...)``, to a number."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode and as it was afterwards, with gradients on (also inside ``inference_mode``)."""
    modes = [(module, module.training) for module in model.modules()]
    learns = [(p, p.requires_grad) for p in model.parameters()]
    model.eval()
    try:
        for p, _ in learns:
            p.requires_grad_(False)  # noqa: FBT003 - torch's own signature
        with torch.inference_mode(mode=False), torch.enable_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for p, learned in learns:
            p.requires_grad_(learned)


def scalar(model: nn.Module, x: Tensor, attend: Attend) -> Tensor:
    """The number that is explained, for one sample.

    Raises:
        NumericFailure: It is NaN or infinite.
    """
    score = attend(model(x)).sum()
    if not torch.isfinite(score):
        raise NumericFailure("NOT_FINITE", "explanation", f"the score to explain is {score.item()}", "look at the input and at the run")
    return score


def to_unit(values: Tensor | NDArray[np.float32], *, percentile: float = 100.0) -> NDArray[np.float32]:
    """What speaks for the class, scaled to 0..1; all 0 when nothing does.

    Args:
        values: Any shape; what is below 0 spoke against the class and becomes 0.
        percentile: The one that becomes 1, so that a single pixel does not darken the rest.

    >>> to_unit(np.array([-1.0, 1.0, 2.0], dtype=np.float32)).tolist()
    [0.0, 0.5, 1.0]
    """
    plain = values.detach().float().cpu().numpy() if isinstance(values, Tensor) else values
    positive = np.maximum(plain, 0).astype(np.float32)
    top = float(np.percentile(positive, percentile)) or float(positive.max(initial=0))
    return np.minimum(positive / top, 1).astype(np.float32) if top > 0 else positive
