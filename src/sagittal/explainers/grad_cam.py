"""Grad-CAM (Selvaraju et al., 2017): which of the last feature maps speak for a class, and where."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sagittal.errors import UsageError
from sagittal.explainers._quiet import Attend, evaluating, scalar, to_unit
from sagittal.models._blocks.layers import CONVOLUTIONS, resized
from sagittal.models._network import Network


def grad_cam(model: nn.Module, x: Tensor, attend: Attend) -> NDArray[np.float32]:
    """A map over the input's grid, ``(*shape)`` in 0..1, of what speaks for the score.

    The layer is found by watching the network run: the last convolution of the trunk gives the grid, and the last
    feature maps on that grid (behind its norm, activation and shortcut, before the next pooling) are explained. So it
    is right for VGG with and without batch norm, residual and dense nets alike, in 1, 2 and 3 axes.

    Args:
        model: The network.
        x: One sample, ``(1, C, *shape)``, as the network takes it.
        attend: From the network's answer to the number that is explained.

    Raises:
        UsageError: The network has no convolution.
        NumericFailure: The score is not finite.

    >>> from sagittal.models.preact_resnet import preact_resnet
    >>> net = preact_resnet(channels=1, outputs=2, widths=(4, 8), blocks=1)
    >>> grad_cam(net, torch.ones(1, 1, 16, 12), lambda logits: logits[0, 1]).shape
    (16, 12)
    """
    with evaluating(model):
        x = x.detach().clone().requires_grad_()
        score, maps = _watched(model, x, attend)
        (slopes,) = torch.autograd.grad(score, maps)
        weights = slopes.flatten(2).mean(dim=2).reshape(*slopes.shape[:2], *[1] * (slopes.dim() - 2))
        cam = (weights * maps).sum(dim=1, keepdim=True).clamp(min=0)
        return to_unit(resized(cam, x.shape[2:])[0, 0])


def _watched(model: nn.Module, x: Tensor, attend: Attend) -> tuple[Tensor, Tensor]:
    """The score, and the last feature maps of the last convolution's size."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def look(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == x.dim():
            seen.append((module, output))

    watched = model.trunk if isinstance(model, Network) else model
    hooks = [module.register_forward_hook(look) for module in watched.modules()]
    try:
        score = scalar(model, x, attend)
    finally:
        for hook in hooks:
            hook.remove()
    places = [i for i, (module, _) in enumerate(seen) if isinstance(module, CONVOLUTIONS)]
    if not places:
        raise UsageError("NO_CONVOLUTION", "grad_cam", "the network has no convolution", "choose integrated_gradients or occlusion")
    after = [output for _, output in seen[places[-1] :]]
    # Only up to the next change of grid: a VGG for small pictures pools to 3 x 3 and then up to 7 x 7 again.
    same = itertools.takewhile(lambda output: output.shape[2:] == after[0].shape[2:], after)
    return score, list(same)[-1]
