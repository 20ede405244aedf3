"""Numbers that a device may still be computing: read a step later, nobody waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Number = Tensor | float
"""A tensor of one number on any device, or the number."""

Measured = Mapping[str, Number | tuple[Number, Number]]
"""What a batch gives: ``{name: (sum, n)}``, which can be added up, or ``{name: number}``, which cannot."""


class Pending:
    """Some numbers on their way from their device.

    Args:
        numbers: Those of the device are copied in one go, which begins behind what the device has to do before; those on the
            CPU are there already.

    >>> Pending([torch.tensor(2), 0.5]).read()
    [2.0, 0.5]
    """

    def __init__(self, numbers: Sequence[Number]) -> None:
        self._numbers = [n.item() if isinstance(n, Tensor) and n.device.type == "cpu" else n for n in numbers]
        tensors = [n.detach().reshape(()).double() for n in self._numbers if isinstance(n, Tensor)]
        self._copy = torch.stack(tensors).to("cpu", non_blocking=True) if tensors else torch.empty(0)
        self._there: torch.cuda.Event | None = None
        if tensors and tensors[0].is_cuda:
            self._there = torch.cuda.Event()  # type: ignore[no-untyped-call]
            # of the numbers' own device, which need not be the current one
            self._there.record(torch.cuda.current_stream(tensors[0].device))

    def read(self) -> list[float]:
        """The numbers, in their order; waits for them where they are not there yet."""
        if self._there is not None:
            self._there.synchronize()
        copied = iter(self._copy.tolist())
        return [next(copied) if isinstance(n, Tensor) else float(n) for n in self._numbers]


class PendingScores:
    """The sums and counts of a batch, on their way; what is no pair is left out.

    >>> PendingScores({"accuracy": (torch.tensor(3), 4), "auc": 0.5}).read()
    {'accuracy': (3.0, 4.0)}
    """

    def __init__(self, measured: Measured) -> None:
        pairs = {name: pair for name, pair in measured.items() if isinstance(pair, tuple)}
        self._names = list(pairs)
        self._numbers = Pending([number for pair in pairs.values() for number in pair])

    def read(self) -> dict[str, tuple[float, float]]:
        """By name; waits for them where they are not there yet."""
        found = iter(self._numbers.read())
        return {name: (next(found), next(found)) for name in self._names}
