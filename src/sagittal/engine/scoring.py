"""Cheap numbers for the log: the losses and scores of training and validation batches."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from sagittal.data.batch import Batch, Source
from sagittal.engine.interrupts import Asked
from sagittal.engine.learner import Learner, not_finite
from sagittal.engine.pending import Measured, PendingScores
from sagittal.engine.ranks import Ranks

Pair = tuple[float, float]
Look = Callable[[Tensor, Batch], object]
"""Sees outputs and their batch."""

Measure = Callable[[Tensor, Tensor], Measured]
"""``(outputs, targets) -> {name: (sum, n)}`` a batch at a time (a task's ``quick``), or ``-> {name: number}`` of all at once."""

T = TypeVar("T")


def added(pairs: Mapping[str, Pair], measured: Mapping[str, Pair]) -> dict[str, Pair]:
    """Sums and counts with one more batch in them.

    >>> added({"accuracy": (3.0, 4.0)}, {"accuracy": (1.0, 2)})
    {'accuracy': (4.0, 6.0)}
    """
    total = dict(pairs)
    for name, value in measured.items():
        before = total.get(name, (0.0, 0.0))
        total[name] = (before[0] + value[0], before[1] + value[1])
    return total


def by_class(measured: Mapping[str, T], classes: Sequence[str]) -> dict[str, T]:
    """Scores ``name:k`` under the name of the class of that index.

    >>> by_class({"dice": (1.5, 2), "dice:1": (0.8, 1)}, ("ground", "tumour"))
    {'dice': (1.5, 2), 'dice:tumour': (0.8, 1)}
    """
    split = ((name.partition(":"), value) for name, value in measured.items())
    return {name + colon + (classes[int(index)] if colon else ""): value for (name, colon, index), value in split}


def means(pairs: Mapping[str, Pair], ranks: Ranks, *, prefix: str) -> dict[str, float | None]:
    """The mean of every number over all processes; None where nothing was counted.

    >>> means({"dice": (3.0, 4.0)}, Ranks(torch.device("cpu")), prefix="val_")
    {'val_dice': 0.75}
    """
    found: dict[str, float | None] = {}
    # loss first; the rest by name, so that all processes add up the same numbers
    for name in sorted(pairs, key=lambda name: (name != "loss", name)):
        total, n = ranks.sum(*pairs[name])
        found[prefix + name] = total / n if n > 0 else None
    return found


def measured_on(measure: Measure, outputs: Tensor, batch: Batch) -> Measured:
    """What ``measure`` says of the samples of a batch that count."""
    outputs, targets = that_count(outputs, batch)
    return measure(outputs, targets) if len(outputs) else {}


def that_count(outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Outputs and targets of the samples whose weight is not 0, where the outputs are."""
    targets = batch.targets.to(outputs.device, non_blocking=True)
    # weights are on the CPU: asking them waits for nobody
    counted = [n for n, weight in enumerate(batch.weights.tolist()) if weight > 0]
    if len(counted) == len(batch.weights):
        return outputs, targets
    rows = torch.tensor(counted, dtype=torch.int64).to(outputs.device, non_blocking=True)
    return outputs[rows], targets[rows]


def validate(
    learner: Learner, source: Source, measure: Measure | None, ranks: Ranks, asked: Asked, *, look: Look | None = None
) -> dict[str, float | None] | None:
    """Loss and scores of the validation samples; None when somebody asked to stop meanwhile.

    Args:
        learner: Whose network is asked.
        source: Of the samples.
        measure: Scores of outputs.
        ranks: Of the processes.
        asked: Whether to stop.
        look: Is shown every batch with its outputs.

    Raises:
        NumericFailure: A loss is NaN or infinite.
    """
    pairs: dict[str, Pair] = {}
    kept: list[tuple[Tensor, Tensor]] = []
    waiting: deque[tuple[PendingScores, Tensor, Sequence[str]]] = deque()

    def settle(*, behind: int) -> None:
        while len(waiting) > behind:
            scores, losses, ids = waiting.popleft()
            found = scores.read()
            if not math.isfinite(found["loss"][0]):
                raise not_finite([losses], [ids], alone=ranks.count == 1)
            pairs.update(added(pairs, found))

    with learner.judged(), opened(source, 0) as batches:
        for batch in batches:
            if ranks.any(asked.to_stop):
                return None
            outputs = learner.outputs(batch.images)
            losses = learner.losses(outputs, batch)
            if look is not None:
                look(outputs, batch)
            scores = measured_on(measure, outputs, batch) if measure is not None else {}
            if any(not isinstance(value, tuple) for value in scores.values()):
                counted = that_count(outputs, batch)
                kept.append((counted[0].to("cpu", non_blocking=True), counted[1].to("cpu", non_blocking=True)))
            # behind the copies: who has read the last of these numbers may read all outputs
            told = PendingScores({**scores, "loss": (losses.double().sum(), batch.weights.double().sum())})
            waiting.append((told, losses, batch.ids))
            settle(behind=learner.behind)
        settle(behind=0)
    row = means(pairs, ranks, prefix="val_")
    if measure is not None and kept:
        whole = measure(*(ranks.gather(torch.cat(some)) for some in zip(*kept, strict=True)))
        row |= {f"val_{name}": _finite(float(value)) for name, value in whole.items() if not isinstance(value, tuple)}
    return row


@contextmanager
def opened(source: Source, epoch: int, start: int = 0) -> Iterator[Iterator[Batch]]:
    """The batches of an epoch, closed when the block is left."""
    batches = source.batches(epoch, start)
    try:
        yield batches
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
