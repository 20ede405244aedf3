"""In which numbers and in which memory layout the network computes."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn

from sagittal.engine.settings import TrainSettings
from sagittal.models._precision import computes_bf16

_LAYOUTS = {nn.Conv2d: (4, torch.channels_last), nn.Conv3d: (5, torch.channels_last_3d)}
_FAST_ON_CPU = (nn.Conv2d, nn.Conv3d)


class Numbers:
    """The precision and the layout of one run, decided once.

    Args:
        model: Moved to the layout in place.
        settings: ``precision`` and ``channels_last``.
        device: Where it computes.
    """

    def __init__(self, model: nn.Module, settings: TrainSettings, device: torch.device) -> None:
        self.device = device
        self.dtype = dtype_for(model, settings, device)
        self._layout = _layout_for(model, settings, device, self.dtype)
        if self._layout is not None:
            model.to(memory_format=self._layout[1])  # type: ignore[call-overload]

    def images(self, values: Tensor) -> Tensor:
        """Prepared values on the device, in the layout of the network."""
        moved = values.to(self.device, non_blocking=True)
        if self._layout is not None and moved.dim() == self._layout[0]:
            return moved.contiguous(memory_format=self._layout[1])
        return moved

    def computing(self) -> contextlib.AbstractContextManager[object]:
        """Within the block the network computes in this precision."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


def dtype_for(model: nn.Module, settings: TrainSettings, device: torch.device) -> torch.dtype:
    """``auto``: bf16 where the device computes in it and the network has convolutions, else fp32.

    >>> dtype_for(nn.Linear(2, 1), TrainSettings(), torch.device("cpu"))
    torch.float32
    """
    if settings.precision != "auto":
        return torch.bfloat16 if settings.precision == "bf16" else torch.float32
    return torch.bfloat16 if _convolutions(model) and computes_bf16(device) else torch.float32


def _convolutions(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Conv3d))]


def _layout_for(
    model: nn.Module, settings: TrainSettings, device: torch.device, dtype: torch.dtype
) -> tuple[int, torch.memory_format] | None:
    found = next((kind for kind in _LAYOUTS if any(isinstance(m, kind) for m in _convolutions(model))), None)
    if found is None or settings.channels_last == "no":
        return None
    # The tensor cores of a GPU read bf16 with channels last; for fp32 its libraries are written for the usual layout.
    fast = dtype != torch.float32 if device.type == "cuda" else found in _FAST_ON_CPU
    wanted = settings.channels_last == "yes" or fast
    return _LAYOUTS[found] if wanted else None
