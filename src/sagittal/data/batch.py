"""What the training loop is fed: batches, and whoever makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """Some samples, prepared and augmented.

    Args:
        images: ``(B, C, *shape)`` float32; a table has no shape: ``(B, C)``.
        targets: What the loss compares with, the first axis is the sample: ``(B,)`` class indices,
            ``(B, K)`` soft classes or values, ``(B, *shape)`` a class a sample of the grid.
        weights: ``(B,)`` float32 on the CPU, how much each sample counts. 0 leaves it out (padding).
        ids: The case (or window) of each sample, for messages.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    ids: Sequence[str]

    def __len__(self) -> int:
        """How many samples."""
        return len(self.ids)

    def repeated(self, times: int) -> Batch:
        """Each sample so many times in a row."""
        images, targets, weights = (part.repeat_interleave(times, dim=0) for part in (self.images, self.targets, self.weights))
        return Batch(images=images, targets=targets, weights=weights, ids=[name for name in self.ids for _ in range(times)])

    def pin_memory(self) -> Batch:
        """The same in page-locked memory: copies to a GPU then do not wait."""
        return Batch(images=self.images.pin_memory(), targets=self.targets.pin_memory(), weights=self.weights.pin_memory(), ids=self.ids)


class Source(Protocol):
    """Whoever makes batches.

    The same epoch always gives the same batches, whatever came before: random numbers are a function of
    (seed, epoch, index). One epoch is ``ceil(len(source) / batch)`` batches, where ``batch`` is
    ``TrainSettings.batch``. Where several processes train together (torchrun), ``batch`` is what all of them
    see together, and each process's source gives its own share of every batch: samples ``rank::world``. A
    share without samples is one sample of weight 0, so that all processes take the same number of steps.
    """

    def __len__(self) -> int:
        """How many samples an epoch has, over all processes."""
        ...

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0 on), without the first ``start`` batches.

        The iterator is closed (``close()``, where it has one) when the loop leaves it early: whoever holds
        worker processes ends them there.
        """
        ...
