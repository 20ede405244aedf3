"""The running average of a network's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class Average:
    """``average = decay * average + (1 - decay) * weights``, after every step.

    Until the run is old enough the decay is ``(1 + step) / (10 + step)``, so that a short run does not average
    in its random start. Weights that do not learn and counters are copied.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = Average(model, decay=0.5)
    >>> with torch.no_grad():
    ...     _ = model.weight.add_(1.0)
    >>> average.update(model, step=1000)
    >>> with average.in_place_of(model):
    ...     during = model.weight.item()
    >>> round(model.weight.item() - during, 3)
    0.5
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._tensors = {name: t.detach().clone() for name, t in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, *, step: int) -> None:
        """Take in the weights after step number ``step``, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        now = model.state_dict()
        mixed = [name for name, t in now.items() if t.is_floating_point()]
        torch._foreach_lerp_([self._tensors[n] for n in mixed], [now[n] for n in mixed], 1.0 - decay)
        for name in now.keys() - set(mixed):
            self._tensors[name].copy_(now[name])

    @contextlib.contextmanager
    def in_place_of(self, model: nn.Module) -> Iterator[None]:
        """The network has the averaged weights within the block."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    def tensors(self) -> dict[str, Tensor]:
        """The averages, named as in ``state_dict``."""
        return dict(self._tensors)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the averages from what ``tensors`` gave."""
        for name, tensor in self._tensors.items():
            tensor.copy_(tensors[name])

    @torch.no_grad()
    def _exchange(self, model: nn.Module) -> None:
        # by value: the network's tensors stay where they are, for the optimizer and for other processes
        for name, tensor in model.state_dict().items():
            mine = self._tensors[name]
            held = tensor.clone()
            tensor.copy_(mine)
            mine.copy_(held)
