"""Starting weights, from a generator and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from sagittal.models._blocks.layers import CONVOLUTIONS


@runtime_checkable
class Drawn(Protocol):
    """A layer that says itself how it starts."""

    def draw(self, generator: torch.Generator) -> None:
        """Fill weights and buffers."""
        ...


_Module = TypeVar("_Module", bound=nn.Module)
Linear = Literal["normal", "uniform", "kaiming"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def built(make: Callable[[], _Module], generator: torch.Generator | None, *, linear: Linear = "uniform") -> _Module:
    """The network with its starting weights: the same for the same generator, whatever else the program drew.

    Built without memory first, then filled: torch's own initialisation (and its global generator) is never used.
    Under ``with torch.device("meta")`` it stays without memory, which is enough for a layer table.

    Args:
        make: Builds the structure.
        generator: Where random numbers come from; ``None`` is a fresh one with seed 0.
        linear: How fully connected layers start: ``normal`` (0, .01: VGG), ``uniform`` (1 / sqrt(n)) or ``kaiming``.
    """
    if torch.get_default_device().type == "meta":
        return make()
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    start(network, generator or torch.Generator().manual_seed(0), linear=linear)
    return network


@torch.no_grad()
def start(network: nn.Module, generator: torch.Generator, *, linear: Linear = "uniform") -> None:
    """Fill every weight: convolutions after He et al. (fan out, ReLU), norms with 1 and 0, biases with 0."""
    for module in network.modules():
        if isinstance(module, Drawn):
            module.draw(generator)
        elif isinstance(module, (*CONVOLUTIONS, *_TRANSPOSED)):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)  # type: ignore[arg-type]
            _zero(module.bias)  # type: ignore[arg-type]
        elif isinstance(module, nn.Linear):
            _linear(module, linear, generator)
        elif isinstance(module, nn.PReLU):
            module.weight.fill_(0.25)
        elif any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False)):
            # Norms: their own reset draws no random numbers.
            module.reset_parameters()  # type: ignore[operator]


def _linear(module: nn.Linear, kind: Linear, generator: torch.Generator) -> None:
    if kind == "normal":
        nn.init.normal_(module.weight, 0.0, 0.01, generator=generator)
        _zero(module.bias)
    elif kind == "kaiming":
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        _zero(module.bias)
    else:
        bound = 1.0 / math.sqrt(module.in_features)
        nn.init.uniform_(module.weight, -bound, bound, generator=generator)
        if module.bias is not None:
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)


def _zero(bias: torch.Tensor | None) -> None:
    if bias is not None:
        bias.zero_()
