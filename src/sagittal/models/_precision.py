"""How a frozen trunk computes fastest on this machine, without another answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sagittal.models._blocks.fast import LAYOUTS
from sagittal.models._network import Network

AGREEMENT = 1e-2
"""How far class probabilities may lie from those in fp32."""

_FEATURES = 0.05
_PROBE = 4
_SIDE = 64
_MOST_SCORES = 0.999


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fast:
    """A frozen module and the way in which it is asked.

    Args:
        module: In evaluation mode; its weights are not changed.
        dtype: ``torch.bfloat16`` computes under autocast.
        channels_last: The memory layout of the input.
        apart: How far class probabilities lie from fp32 (features, relatively, where there is no network to ask).
    """

    module: nn.Module
    dtype: torch.dtype
    channels_last: bool
    apart: float

    def __call__(self, x: Tensor) -> Tensor:
        """What the module computes, in float32, without gradients."""
        found: Tensor = ask(self.module, x, dtype=self.dtype, channels_last=self.channels_last)
        return found

    @property
    def name(self) -> str:
        """For the plan: ``fp32``, ``bf16, channels last`` ..."""
        return ("bf16" if self.dtype == torch.bfloat16 else "fp32") + (", channels last" if self.channels_last else "")


def fast(module: nn.Module, example: Tensor, *, whole: Network | None = None) -> Fast:
    """The way to ask ``module`` that this hardware computes fastest, where it agrees with fp32.

    What the processor can do decides, not a clock: the same seed then gives the same features on the same machine
    however busy it is. bf16 must give features within 5 % (root mean square) of those in fp32 and, with ``whole``, class
    probabilities within .01. While the head has its starting weights the probabilities say little: ask ``apart`` again
    when it is trained.

    Args:
        module: Frozen, in evaluation mode: a trunk or a whole network.
        example: A batch ``(B, C, *shape)`` on the device on which the module lies.
        whole: The network whose trunk ``module`` is.

    >>> from sagittal.models.preact_resnet import preact_resnet
    >>> net = preact_resnet(channels=1, outputs=2, widths=(4, 8)).eval()
    >>> fast(net.trunk, torch.zeros(4, 1, 16, 16), whole=net)(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 8])
    """
    x = example[:_PROBE]
    grid = x.dim() in LAYOUTS
    if computes_bf16(x.device):
        plain = ask(module, x, dtype=torch.float32, channels_last=False)
        found = ask(module, x, dtype=torch.bfloat16, channels_last=grid)
        away = apart(plain, found, whole=whole)
        if away <= AGREEMENT and _relative(plain, found) <= _FEATURES:
            return Fast(module=module, dtype=torch.bfloat16, channels_last=grid, apart=away)
    return Fast(module=module, dtype=torch.float32, channels_last=grid and x.device.type == "cpu", apart=0.0)


@torch.no_grad()
def same_in_bf16(network: Network, activate: Callable[[Tensor], Tensor], device: torch.device) -> bool:
    """Whether a dense network may answer in bf16: the device multiplies it by itself, and the answers stay what they are.

    Asked of noise from a fixed seed, so that the same weights on the same kind of machine give the same decision whatever
    the cases are. Of a thousand scores 999 must lie within ``AGREEMENT`` of those in fp32.
    """
    if not computes_bf16(device):
        return False
    sides = [max(-(-_SIDE // m) * m, network.smallest) for m in network.multiples]
    x = torch.randn(1, network.channels, *sides, generator=torch.Generator().manual_seed(0)).to(device)
    plain, found = (activate(ask(network, x, dtype=kind, channels_last=False)) for kind in (torch.float32, torch.bfloat16))
    away = (plain - found).abs().flatten()
    return bool(away.kthvalue(int(_MOST_SCORES * (away.numel() - 1)) + 1).values <= AGREEMENT)


def computes_bf16(device: torch.device) -> bool:
    """Whether this device multiplies bf16 by itself: AMX or AVX-512 BF16, or a GPU from compute capability 8 on.

    Others would emulate it, which takes longer than fp32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def apart(plain: Tensor, found: Tensor, *, whole: Network | None) -> float:
    """How far two computations of the same features lead apart: class probabilities, or the features, relatively.

    Args:
        plain: Features in fp32.
        found: The same, in another way.
        whole: The network whose head answers; ``None`` compares the features themselves.
    """
    if whole is None:
        return _relative(plain, found)
    with torch.no_grad():
        one, other = (whole.head(features).float() for features in (plain, found))
    away = [(f(one) - f(other)).abs().max().item() for f in (lambda z: torch.softmax(z, dim=1), torch.sigmoid)]
    return max(away)


@torch.no_grad()
def ask(module: nn.Module, x: Tensor, *, dtype: torch.dtype, channels_last: bool) -> Tensor:
    """What a module computes, in float32, under autocast to ``dtype`` unless that is float32."""
    if channels_last:
        x = x.contiguous(memory_format=LAYOUTS[x.dim()])
    half = torch.autocast(x.device.type, dtype=dtype) if dtype != torch.float32 else contextlib.nullcontext()
    with half:
        found: Tensor = module(x)
    return found.float()


def _relative(plain: Tensor, found: Tensor) -> float:
    size = plain.float().square().mean().sqrt().clamp(min=1e-12)
    return float((plain - found).square().mean().sqrt() / size)
