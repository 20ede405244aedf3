"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest


class NoisyReLU(nn.Module):
    """``max(0, x + noise)`` in training, ``max(0, x)`` afterwards (Nair and Hinton, 2010).

    The noise is normal with variance ``sigmoid(x)``, as in the paper; it comes from torch's generator, like dropout's.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        if self.training:
            x = x + torch.randn_like(x) * torch.sigmoid(x.detach()).sqrt()
        return F.relu(x)


_KINDS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.01),
    "prelu": nn.PReLU,
    "rrelu": nn.RReLU,
    "elu": nn.ELU,
    "noisy": NoisyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "none": nn.Identity,
}

ACTIVATIONS = tuple(_KINDS)


def activation(name: str) -> nn.Module:
    """A new layer ``relu, leaky, prelu, rrelu, elu, noisy, tanh, sigmoid, gelu, silu`` or ``none``.

    Never in place: an explainer that reads what went in must find it unchanged.

    Raises:
        UsageError: There is none of this name.

    >>> activation("elu")
    ELU(alpha=1.0)
    """
    if name not in _KINDS:
        raise UsageError("UNKNOWN_ACTIVATION", name, "there is no activation of this name", nearest(name, _KINDS))
    return _KINDS[name]()
