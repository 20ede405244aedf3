"""Integrated gradients (Sundararajan et al., 2017): how much each input adds to the score on the way from a baseline."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sagittal.explainers._quiet import Attend, evaluating, scalar, to_unit


def integrated_gradients(
    model: nn.Module, x: Tensor, attend: Attend, *, baseline: Tensor | float = 0.0, steps: int = 32
) -> NDArray[np.float32]:
    """For a picture or volume a map ``(*shape)`` in 0..1; for a table row one signed number a column, ``(C,)``.

    The numbers of a row add up to ``score(x) - score(baseline)`` (a test says so). For a picture, the channels'
    contributions are added up, what speaks against the score is dropped, and the 99th percentile becomes 1.

    Args:
        model: The network.
        x: One sample, ``(1, C, *shape)``, as the network takes it.
        attend: From the network's answer to the number that is explained.
        baseline: Where the way starts; 0 is the mean of the data when inputs are normalised.
        steps: Points on the way (Gauss-Legendre: 32 are as good as some hundred even ones).

    Raises:
        NumericFailure: The score is not finite.

    >>> from sagittal.models.mlp import mlp
    >>> integrated_gradients(mlp(channels=3, outputs=2), torch.ones(1, 3), lambda logits: logits[0, 1]).shape
    (3,)
    """
    places, weights = np.polynomial.legendre.leggauss(steps)
    with evaluating(model):
        x = x.detach().clone()
        start = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
        slope = torch.zeros_like(x)
        for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
            point = (start + float(place) * (x - start)).detach().requires_grad_()
            (part,) = torch.autograd.grad(scalar(model, point, attend), point)
            slope += float(weight) * part
        added = (slope * (x - start))[0]
        if added.dim() == 1:
            row: NDArray[np.float32] = added.float().cpu().numpy()
            return row
        return to_unit(added.sum(dim=0), percentile=99.0)
