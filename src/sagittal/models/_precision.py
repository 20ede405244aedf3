"""How a frozen trunk computes fastest on this machine, without another answer."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sagittal.models._network import Network

AGREEMENT = 1e-2
"""How far class probabilities may lie from those in fp32."""

_FEATURES = 0.05
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
_PROBE = 2


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fast:
    """A frozen module and the way in which it is asked.

    Args:
        module: In evaluation mode; its weights are not changed.
        dtype: ``torch.bfloat16`` computes under autocast.
        channels_last: The memory layout of the input.
        seconds: What a probe of the example took, by way.
        apart: How far class probabilities lie from fp32 (features, relatively, where there is no network to ask).
    """

    module: nn.Module
    dtype: torch.dtype
    channels_last: bool
    seconds: dict[str, float]
    apart: float

    def __call__(self, x: Tensor) -> Tensor:
        """What the module computes, in float32, without gradients."""
        found: Tensor = _ask(self.module, x, dtype=self.dtype, channels_last=self.channels_last)
        return found

    @property
    def name(self) -> str:
        """For the plan: ``fp32``, ``bf16, channels last`` ..."""
        return _name(self.dtype, channels_last=self.channels_last)


def fast(module: nn.Module, example: Tensor, *, whole: Network | None = None) -> Fast:
    """The fastest way to ask ``module`` that agrees with fp32; measured on a few samples of ``example``.

    Tried are fp32 and bf16 autocast, each with and without channels-last. bf16 must give features within 5 %
    (root mean square) and, with ``whole``, class probabilities within .01. While the head has its starting weights the
    probabilities say little: ask ``apart`` again when it is trained.

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
    plain = _ask(module, x, dtype=torch.float32, channels_last=False)
    ways = [(torch.float32, False), (torch.bfloat16, False)]
    if x.dim() in _LAYOUTS:
        ways += [(torch.float32, True), (torch.bfloat16, True)]
    seconds: dict[str, float] = {}
    best = (float("inf"), torch.float32, False, 0.0)
    for dtype, last in ways:
        found = _ask(module, x, dtype=dtype, channels_last=last)  # also warms up
        took = _seconds(module, x, dtype=dtype, channels_last=last)
        seconds[_name(dtype, channels_last=last)] = took
        away = apart(plain, found, whole=whole)
        agrees = dtype == torch.float32 or (away <= AGREEMENT and _relative(plain, found) <= _FEATURES)
        if agrees and took < best[0]:
            best = (took, dtype, last, away)
    return Fast(module=module, dtype=best[1], channels_last=best[2], seconds=seconds, apart=best[3])


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


def _relative(plain: Tensor, found: Tensor) -> float:
    size = plain.float().square().mean().sqrt().clamp(min=1e-12)
    return float((plain - found).square().mean().sqrt() / size)


def _name(dtype: torch.dtype, *, channels_last: bool) -> str:
    return ("bf16" if dtype == torch.bfloat16 else "fp32") + (", channels last" if channels_last else "")


@torch.no_grad()
def _ask(module: nn.Module, x: Tensor, *, dtype: torch.dtype, channels_last: bool) -> Tensor:
    if channels_last:
        x = x.contiguous(memory_format=_LAYOUTS[x.dim()])
    half = torch.autocast(x.device.type, dtype=dtype) if dtype != torch.float32 else contextlib.nullcontext()
    with half:
        found: Tensor = module(x)
    return found.float()


def _seconds(module: nn.Module, x: Tensor, *, dtype: torch.dtype, channels_last: bool) -> float:
    def once() -> float:
        start = time.perf_counter()
        _ask(module, x, dtype=dtype, channels_last=channels_last)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        return time.perf_counter() - start

    return min(once(), once())
