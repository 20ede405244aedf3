"""The processes that train together, under torchrun; alone is one of one.

Whoever starts the run has set up ``torch.distributed`` before (gloo on CPUs; on GPUs nccl, and gloo for what does not lie there).
All processes see the same run directory; only the first one writes there.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sagittal.errors import SagittalError, UsageError

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = datetime.timedelta(days=1)
"""How long processes wait for each other: one may look at a large data set meanwhile. Those that died are noticed by torchrun."""


class Ranks:
    """This process among the others.

    >>> Ranks(torch.device("cpu")).count
    1
    """

    def __init__(self, device: torch.device) -> None:
        together = dist.is_available() and dist.is_initialized()
        self._device = device
        self.count: int = dist.get_world_size() if together else 1
        self.rank: int = dist.get_rank() if together else 0
        # Numbers that are on the CPU go by way of it where that is possible: nobody then waits for a GPU.
        self._by = torch.device("cpu") if together and "gloo" in dist.get_backend_config() else device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The network as it must be called in training, so that gradients are averaged over all processes."""
        if self.count == 1:
            return model
        on = [self._device.index] if self._device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=on)

    def prepare(self, model: nn.Module) -> nn.Module:
        """The network whose batch norms see the batch of all processes; on CPUs torch has none, they see their share."""
        if self.count == 1 or self._device.type != "cuda":
            return model
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(model))  # type: ignore[no-untyped-call]

    def alone(self, model: nn.Module, *, last: bool) -> contextlib.AbstractContextManager[object]:
        """Gradients are exchanged only in the last batch of a step."""
        if last or not isinstance(model, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return cast("contextlib.AbstractContextManager[object]", model.no_sync())

    def sum(self, *numbers: float) -> list[float]:
        """The sums over all processes, in double precision."""
        if self.count == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64, device=self._by)
        dist.all_reduce(total)
        return cast("list[float]", total.tolist())

    def any(self, here: bool) -> bool:  # noqa: FBT001 - a fact, not an option
        """Whether it is so in any process."""
        return self.sum(float(here))[0] > 0

    def of_first(self, *numbers: float) -> list[float]:
        """The numbers of the first process, for everyone: what hangs on a clock is decided once."""
        return self.sum(*(n if self.first else 0.0 for n in numbers))

    def gather(self, tensor: Tensor) -> Tensor:
        """The rows of all processes, those of the first one first, on the CPU."""
        if self.count == 1:
            return tensor
        parts: list[Any] = [None] * self.count
        dist.all_gather_object(parts, tensor.cpu())
        return torch.cat(parts)

    def shared(self, items: Sequence[T], work: Callable[[Sequence[T]], Iterable[R]]) -> list[R]:
        """What comes of all items, in their order, for everyone; each process works on a stretch of them.

        Args:
            items: The same in all processes.
            work: Gives what comes of some of them, in their order.

        Raises:
            SagittalError: The first one that was raised in any process, in all of them: every process ends with the same code.

        >>> Ranks(torch.device("cpu")).shared([1, 2, 3], lambda some: [n * n for n in some])
        [1, 4, 9]
        """
        if self.count == 1:
            return list(work(items))
        ends = [len(items) * n // self.count for n in (self.rank, self.rank + 1)]
        here: tuple[list[R], SagittalError | None]
        try:
            here = list(work(items[slice(*ends)])), None
        except SagittalError as error:
            here = [], error
        parts: list[Any] = [None] * self.count
        dist.all_gather_object(parts, here)
        raised = next((error for _, error in parts if error is not None), None)
        if raised is not None:
            raise raised
        return [one for part, _ in parts for one in part]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()


def own_gpu() -> int | None:
    """The number of the GPU that belongs to this process under torchrun; None without torchrun.

    Raises:
        UsageError: There are more processes than GPUs on this machine.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        return None
    local, there = dist.get_node_local_rank(fallback_rank=0), torch.cuda.device_count()
    if local >= there:
        what = f"process {local + 1} of this machine has no GPU of its own; there are {there}"
        raise UsageError("DEVICE", "--nproc-per-node", what, f"start {there} processes, or use --device cpu")
    return local


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The processes that torchrun has started, as one group for the length of the block; alone without torchrun.

    Args:
        device: Where this process computes; it decides how the processes talk to each other.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched() or dist.is_initialized():
        yield Ranks(device)
        return
    if device.type == "cuda":
        # What names no device, and every kernel of nccl, is then on this process's own.
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(device)
    finally:
        dist.destroy_process_group()
