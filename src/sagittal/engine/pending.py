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
        numbers: Those of a device are copied in one go, which begins behind what it has to do before.

    >>> Pending([torch.tensor(2), 0.5]).read()
    [2.0, 0.5]
    """

    def __init__(self, numbers: Sequence[Number]) -> None:
        self._numbers = numbers
        tensors = [n.detach().reshape(()).double() for n in numbers if isinstance(n, Tensor)]
        devices = {t.device for t in tensors}
        self._copies = {on: torch.stack([t for t in tensors if t.device == on]).to("cpu", non_blocking=True) for on in devices}
        self._there = [_behind(on) for on in devices if on.type == "cuda"]

    def read(self) -> list[float]:
        """The numbers, in their order; waits for them where they are not there yet."""
        for event in self._there:
            event.synchronize()
        copied = {on: iter(copy.tolist()) for on, copy in self._copies.items()}
        return [next(copied[n.device]) if isinstance(n, Tensor) else float(n) for n in self._numbers]


def _behind(on: torch.device) -> torch.cuda.Event:
    """What happens on a GPU when it has done all that it was given; it need not be the current one."""
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(on))
    return event


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
