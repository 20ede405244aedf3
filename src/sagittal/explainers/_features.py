"""What a network looks for: its first kernels, and its feature maps for one input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sagittal.errors import UsageError, nearest
from sagittal.explainers._quiet import evaluating
from sagittal.models._blocks.layers import CONVOLUTIONS
from sagittal.models._network import Network


def first_kernels(model: nn.Module) -> NDArray[np.float32] | None:
    """The kernels of the first convolution, ``(outputs, inputs, *kernel)``; ``None`` where there is none.

    >>> from sagittal.models.resnet import resnet
    >>> first_kernels(resnet(channels=1, outputs=2)).shape
    (64, 1, 7, 7)
    """
    for module in model.modules():
        if isinstance(module, CONVOLUTIONS):
            weight = module.weight
            if isinstance(weight, Tensor):
                kernels: NDArray[np.float32] = weight.detach().float().cpu().numpy()
                return kernels
    return None


def feature_maps(model: Network, x: Tensor, *, stage: str) -> NDArray[np.float32]:
    """What one stage makes of one sample: ``(channels, *shape)`` of that stage, the finest where it has several.

    Args:
        model: The network.
        x: ``(1, C, *shape)``, as the network takes it.
        stage: A name of ``model.stages``.

    Raises:
        UsageError: There is no such stage.
    """
    stages = dict(model.stages)
    if stage not in stages:
        raise UsageError("UNKNOWN_STAGE", stage, f"the stages are {', '.join(stages)}", nearest(stage, stages))
    with evaluating(model), torch.no_grad():
        output = _output_of(model, stages, stage, x.detach().clone())
    found = output if isinstance(output, Tensor) else output[0]
    maps: NDArray[np.float32] = found[0].float().cpu().numpy()
    return maps


def _output_of(model: Network, stages: dict[str, nn.Module], stage: str, x: Tensor) -> Tensor | Sequence[Tensor]:
    if all(stages[stage] is not module for module in model.modules()):
        # A view that was made for us, of a net that runs its stages one after the other.
        for name, part in stages.items():
            x = part(x)
            if name == stage:
                break
        return x
    seen: list[Tensor | Sequence[Tensor]] = []
    last: list[Tensor | Sequence[Tensor]] = []
    part = stages[stage]
    hooks = [part.register_forward_hook(lambda _module, _inputs, output: seen.append(output))]
    # The parts of a stage may be called one by one: then what the last one gives is what the stage gives.
    hooks += [p.register_forward_hook(lambda _module, _inputs, output: last.append(output)) for p in list(part.children())[-1:]]
    try:
        model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return (seen or last)[-1]
