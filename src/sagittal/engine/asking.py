"""What networks say to a batch: the mean over members and mirrored views, in the numbers that the device computes fastest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagittal.engine.halving import in_parts
from sagittal.models._blocks.fast import LAYOUTS
from sagittal.models._network import Network
from sagittal.models._precision import same_in_bf16


def numbers_of(networks: Sequence[Network], activate: Callable[[Tensor], Tensor], device: torch.device) -> torch.dtype:
    """bf16 where the device multiplies it by itself and each network's answers stay what they are, else fp32."""
    same = all(same_in_bf16(network, activate, device) for network in networks)
    return torch.bfloat16 if same else torch.float32


def lay_out(networks: Sequence[Network], numbers: torch.dtype, device: torch.device) -> None:
    """Weights channels last where that is faster: convolutions then take .6 of the time, and less memory, on CPUs."""
    # A GPU has its fast bf16 kernels for this layout, and its fast fp32 ones for the usual one.
    if device.type == "cpu" or (device.type == "cuda" and numbers == torch.bfloat16):
        for weight in (w for network in networks for w in network.parameters() if w.dim() in LAYOUTS):
            weight.data = weight.data.contiguous(memory_format=LAYOUTS[weight.dim()])


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Networks that answer together.

    Args:
        networks: Their scores are averaged.
        activate: From what they give to scores.
        flips: Axes of the mirrored views that are averaged, too.
        device: Where they are.
        numbers: In which they compute.
    """

    networks: Sequence[Network]
    activate: Callable[[Tensor], Tensor]
    flips: Sequence[int]
    device: torch.device
    numbers: torch.dtype

    def __call__(self, x: Tensor) -> NDArray[np.float32]:
        """``(B, C, *shape)`` to scores ``(B, K, ...)``, some windows at a time where the device has no memory for all.

        Raises:
            LimitExceeded: There is no memory for one window.
        """
        return in_parts(self._mean, x)

    @torch.inference_mode()
    def _mean(self, x: Tensor) -> NDArray[np.float32]:
        x = x.to(self.device, non_blocking=True)
        total: Tensor | None = None
        views = [axes for n in range(len(self.flips) + 1) for axes in itertools.combinations(self.flips, n)]
        for network, axes in itertools.product(self.networks, views):
            dims = [a + 2 for a in axes]
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.numbers == torch.bfloat16):
                outputs = network(x.flip(dims) if dims else x)
            scores = self.activate(outputs)
            if dims and scores.ndim > 2:
                scores = scores.flip(dims)
            total = scores if total is None else total.add_(scores)
        if total is None:
            raise ValueError("a predictor needs at least one network")
        if len(views) * len(self.networks) > 1:
            total /= len(views) * len(self.networks)
        mean: NDArray[np.float32] = total.float().cpu().numpy()
        return mean
