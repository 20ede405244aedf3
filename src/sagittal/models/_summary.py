"""The layer table of a network: shapes, parameters, multiply-adds, memory; nothing is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sagittal.models._blocks.layers import CONVOLUTIONS
from sagittal.models._network import Network

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One layer, in the order in which it runs.

    Args:
        name: As in the weights file.
        kind: What sort of layer.
        shape: What comes out, without the batch.
        parameters: Weights and biases.
        learns: How many of them are not frozen.
        macs: Multiply-adds for one sample.
        memory: Bytes of the output of one sample in float32.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    learns: int
    macs: int
    memory: int


def summary(network: Network, shape: Sequence[int]) -> list[Row]:
    """The rows of the layer table for an input of this shape ``(*shape)``.

    Runs on shapes alone, without memory and without arithmetic, also for a network that was built under
    ``with torch.device("meta")``. A layer that runs twice has two rows; its parameters stand in the first.

    Raises:
        UsageError: The network cannot take the shape.

    >>> from sagittal.models.mlp import mlp
    >>> [(r.name, r.kind, r.shape, r.parameters, r.macs) for r in summary(mlp(channels=60, outputs=2, widths=()), ())]
    [('last', 'Linear', (2,), 122, 120)]
    """
    network.check(shape)
    names = {module: name for name, module in network.named_modules()}
    # Counted before the run: while it runs on stand-ins, every weight looks frozen.
    sizes = {module: [(p.numel(), p.requires_grad) for p in module.parameters()] for module in names}
    rows: list[Row] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Identity):
            return
        own = sizes.pop(module, [])
        rows.append(
            Row(
                name=names[module],
                kind=type(module).__name__,
                shape=tuple(output.shape[1:]),
                parameters=sum(n for n, _ in own),
                learns=sum(n for n, learns in own if learns),
                macs=_macs(module, inputs[0], output),
                memory=output.numel() * 4,
            )
        )

    hooks = [m.register_forward_hook(look) for m in network.modules() if not list(m.children())]
    modes = {module: module.training for module in network.modules()}
    weights = {k: v.detach().to("meta") for k, v in network.state_dict(keep_vars=True).items()}
    try:
        network.eval()
        functional_call(network, weights, (torch.empty(1, network.channels, *shape, device="meta"),))
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return rows


def totals(rows: Sequence[Row]) -> Row:
    """All rows added up.

    >>> from sagittal.models.mlp import mlp
    >>> totals(summary(mlp(channels=60, outputs=2, widths=(10,)), ())).parameters
    632
    """
    return Row(
        name="all",
        kind=f"{len(rows)} layers",
        shape=rows[-1].shape if rows else (),
        parameters=sum(r.parameters for r in rows),
        learns=sum(r.learns for r in rows),
        macs=sum(r.macs for r in rows),
        memory=sum(r.memory for r in rows),
    )


def _macs(module: nn.Module, x: Tensor, y: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return y.numel() * module.in_features
    if isinstance(module, CONVOLUTIONS):
        weight = module.weight
        return y.numel() * math.prod(weight.shape[1:]) if isinstance(weight, Tensor) else 0
    if isinstance(module, _TRANSPOSED):
        return x.numel() * math.prod(module.weight.shape[1:])
    return 0
