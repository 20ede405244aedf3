"""From samples to batches: the same ones whatever the number of worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.data.batch import Batch
from sagittal.data.dataset import CaseSamples, Key, Sample, Unread
from sagittal.data.order import Order
from sagittal.data.streams import MIXING
from sagittal.data.unread import UnreadBatch, together
from sagittal.data.worker import begin_worker
from sagittal.errors import SagittalError
from sagittal.ops.randomness import generator
from sagittal.transforms._compose import Augmentation


@dataclass(kw_only=True)
class Batches:
    """Batches of an epoch, from any start, on any number of workers: the training loop's source.

    Args:
        samples: The dataset.
        order: Of the samples.
        size: Of a batch, over all ranks, for each network.
        workers: Processes beside this one.
        pin: Page-locked memory, for a GPU.
        read: Reads the samples of a batch on its device; None leaves that to whoever loads them.
        rank: Of this process among ``ranks`` that share each batch.
        ranks: How many share.
        networks: How many are trained side by side: sample ``i`` of a batch is for network ``i % networks``. Each draws samples of
            its own in an order of its own, so that they differ as if they were trained apart.
        shared: They see the same samples instead.
    """

    samples: CaseSamples
    order: Order
    size: int
    workers: int = 0
    pin: bool = False
    read: Callable[[UnreadBatch], Batch] | None = None
    rank: int = 0
    ranks: int = 1
    networks: int = 1
    shared: bool = False
    _loader: Any = field(default=None, repr=False)

    def __len__(self) -> int:
        """Samples in an epoch of each network, over all ranks."""
        return len(self.order.of(0))

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from the ``start``-th on."""
        orders = [self.order.of(epoch, draw) for draw in range(1 if self.shared else self.networks)]
        n = len(orders[0])
        # A row for each sample of a network. The random numbers of a sample follow from its index, so each draw has indices of its own.
        order = np.stack([own + draw * n for draw, own in enumerate(orders)], axis=1)
        groups = [order[a : a + self.size] for a in range(0, n, self.size)][start:]
        # An empty share becomes one sample of weight 0: every rank takes the same number of steps.
        shares = [(group[self.rank :: self.ranks], 1.0) if self.rank < len(group) else (group[:1], 0.0) for group in groups]
        keys = [[Key(epoch=epoch, index=int(i), weight=w, draw=draw) for row in share for draw, i in enumerate(row)] for share, w in shares]
        for batch in self.of_keys(keys):
            yield batch.repeated(self.networks) if self.shared else batch

    def of_keys(self, keys: list[list[Key]]) -> Iterator[Batch]:
        """A batch for each group of keys, in their order."""
        for batch in self._here(keys) if self.workers == 0 else self._from_workers(keys):
            if isinstance(batch, Batch):
                yield batch
            elif self.read is not None:
                yield self.read(batch)

    def close(self) -> None:
        """End the worker processes."""
        self._loader = None

    @property
    def collate(self) -> Collate:
        """How samples become a batch."""
        return Collate(ways=self.samples.ways, seed=self.samples.seed, classes=len(self.samples.manifest.labels))

    def _here(self, keys: list[list[Key]]) -> Iterator[Batch | UnreadBatch]:
        for group in keys:
            if self.read is None:
                batch: Batch | UnreadBatch = self.collate([self.samples[key] for key in group])
            else:
                batch = together([self.samples.unread(key) for key in group])
            yield batch.pin_memory() if self.pin else batch

    def _from_workers(self, keys: list[list[Key]]) -> Iterator[Batch | UnreadBatch]:
        if self._loader is None:
            self._loader = torch.utils.data.DataLoader(
                _Answering(samples=self.samples, unread=self.read is not None),
                batch_sampler=_Keys(),
                num_workers=self.workers,
                collate_fn=_AnsweringCollate(collate=self.collate),
                multiprocessing_context="spawn",
                persistent_workers=True,
                worker_init_fn=begin_worker,
                prefetch_factor=4,
                pin_memory=self.pin,
            )
        self._loader.batch_sampler.keys = keys
        for batch in self._loader:
            if isinstance(batch, SagittalError):
                raise batch
            yield batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Collate:
    """Samples to a batch, mixed where their augmentation says so; picklable, for worker processes.

    Args:
        ways: How samples are changed; networks side by side take turns in them.
        seed: Of the run.
        classes: How many.
    """

    ways: tuple[Augmentation | None, ...]
    seed: int
    classes: int

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """One batch; random numbers of mixing depend only on the key of the first sample that is mixed."""
        images = np.stack([s.image for s in samples])
        targets = np.stack([s.target for s in samples])
        for number, way in enumerate(self.ways):
            own = np.flatnonzero([s.key.draw % len(self.ways) == number for s in samples])
            if way is not None and way.mixing and len(own):
                # Only those that are changed alike are mixed.
                first = samples[own[0]].key
                targets = self._soft(targets)
                rng = generator(self.seed, first.epoch, first.index, MIXING)
                images[own], targets[own] = way.mix(images[own], targets[own], rng)
        return Batch(
            images=torch.from_numpy(np.ascontiguousarray(images)),
            targets=torch.from_numpy(np.ascontiguousarray(targets if targets.dtype != np.int16 else targets.astype(np.int64))),
            weights=torch.tensor([s.key.weight for s in samples], dtype=torch.float32),
            ids=[s.id for s in samples],
        )

    def _soft(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Class indices ``(B,)`` as one-hot rows, which can be mixed; others as they are."""
        return np.eye(self.classes, dtype=np.float32)[targets] if targets.ndim == 1 and targets.dtype == np.int64 else targets


@dataclass(frozen=True, kw_only=True)
class _Answering(torch.utils.data.Dataset[Sample | Unread | SagittalError]):
    """Samples for a worker process: a refusal is an answer, since the loader would make a ``RuntimeError`` of it."""

    samples: CaseSamples
    unread: bool

    def __getitem__(self, key: Key) -> Sample | Unread | SagittalError:
        try:
            return self.samples.unread(key) if self.unread else self.samples[key]
        except SagittalError as error:
            return error


@dataclass(frozen=True, kw_only=True, slots=True)
class _AnsweringCollate:
    """A batch, or the first refusal among its samples."""

    collate: Collate

    def __call__(self, samples: Sequence[Sample | Unread | SagittalError]) -> Batch | UnreadBatch | SagittalError:
        refused = next((s for s in samples if isinstance(s, SagittalError)), None)
        if refused is not None:
            return refused
        unread = [s for s in samples if isinstance(s, Unread)]
        return together(unread) if unread else self.collate([s for s in samples if isinstance(s, Sample)])


class _Keys:
    """A batch sampler whose keys are set before each pass."""

    def __init__(self) -> None:
        self.keys: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)
