"""Starting weights, from a generator and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Protocol, TypeVar, cast, runtime_checkable

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
Start = Literal["kaiming", "xavier", "bilinear"]

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
            _convolution(module, generator)
        elif isinstance(module, nn.Linear):
            _linear(module, linear, generator)
        elif isinstance(module, nn.PReLU):
            module.weight.fill_(0.25)
        elif any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False)):
            # Norms: their own reset draws no random numbers.
            module.reset_parameters()  # type: ignore[operator]


def starting(module: _Module, how: Start) -> _Module:
    """The same convolution, marked to start in this way.

    Args:
        module: A convolution or a transposed one.
        how: ``kaiming`` is what all do; ``xavier`` (uniform; Glorot and Bengio, 2010); ``bilinear`` makes a transposed
            convolution interpolate linearly, each channel for itself (Long et al., 2015).
    """
    module.start = how  # type: ignore[assignment]
    return module


def undecayed(module: _Module) -> _Module:
    """The same module, marked so that weight decay leaves all weights in it alone."""
    module.decays = False  # type: ignore[assignment]
    return module


def spared(network: nn.Module) -> set[int]:
    """The ``id`` of every parameter that a marked module holds.

    >>> layer = undecayed(nn.Linear(2, 1))
    >>> spared(nn.Sequential(layer, nn.Linear(1, 1))) == {id(p) for p in layer.parameters()}
    True
    """
    return {id(p) for m in network.modules() if getattr(m, "decays", True) is False for p in m.parameters()}


def _convolution(module: nn.Module, generator: torch.Generator) -> None:
    weight, how = cast(torch.Tensor, module.weight), getattr(module, "start", "kaiming")
    if how == "xavier":
        nn.init.xavier_uniform_(weight, generator=generator)
    elif how == "bilinear":
        _interpolating(weight)
    else:
        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)
    _zero(cast("torch.Tensor | None", module.bias))


def _interpolating(weight: torch.Tensor) -> None:
    """A tent on the diagonal: channel k of the output is channel k of the input, interpolated."""
    tent = torch.ones(())
    for length in weight.shape[2:]:
        centre, half = (length - 1) / 2, (length + 1) // 2
        line = 1 - (torch.arange(length) - centre).abs() / half
        tent = tent[..., None] * line
    weight.zero_()
    for k in range(min(weight.shape[0], weight.shape[1])):
        weight[k, k] = tent


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
