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


_KINDS: dict[str, Callable[[int], nn.Module]] = {
    "relu": lambda _: nn.ReLU(),
    "leaky": lambda _: nn.LeakyReLU(0.01),
    "prelu": nn.PReLU,
    "rrelu": lambda _: nn.RReLU(),
    "elu": lambda _: nn.ELU(),
    "noisy": lambda _: NoisyReLU(),
    "tanh": lambda _: nn.Tanh(),
    "sigmoid": lambda _: nn.Sigmoid(),
    "gelu": lambda _: nn.GELU(),
    "silu": lambda _: nn.SiLU(),
    "none": lambda _: nn.Identity(),
}

ACTIVATIONS = tuple(_KINDS)


def activation(name: str, channels: int = 1) -> nn.Module:
    """A new layer ``relu, leaky, prelu, rrelu, elu, noisy, tanh, sigmoid, gelu, silu`` or ``none``.

    Never in place: an explainer that reads what went in must find it unchanged.

    Args:
        name: Its name.
        channels: Slopes that ``prelu`` learns: 1 for all channels together, or one each.

    Raises:
        UsageError: There is none of this name.

    >>> activation("elu")
    ELU(alpha=1.0)
    """
    if name not in _KINDS:
        raise UsageError("UNKNOWN_ACTIVATION", name, "there is no activation of this name", nearest(name, _KINDS))
    return _KINDS[name](channels)
