"""The same numbers again: torch's own settings, for the time of a run only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Within the block CPU kernels that differ from run to run are not used; global random states are put back after it.

    On a GPU the fastest kernels are looked for once a shape, and those that differ from run to run stay: byte-equal runs are
    promised for CPUs only.
    """
    cudnn: Any = torch.backends.cudnn
    searched = cudnn.benchmark
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            if device.type == "cpu":
                torch.use_deterministic_algorithms(mode=True, warn_only=True)
                # only needed where memory is read before it is written
                memory.fill_uninitialized_memory = False
            # Batches of a run have one shape: what the search takes is soon won back.
            cudnn.benchmark = device.type == "cuda" or searched
            yield
        finally:
            cudnn.benchmark = searched
            torch.use_deterministic_algorithms(mode=before[0], warn_only=before[1])
            memory.fill_uninitialized_memory = filled


def seed_all(seed: int, device: torch.device) -> None:
    """Seed what draws noise in a network on this device.

    ``torch.manual_seed`` would remember a stack trace of every call for devices that are never used.

    >>> seed_all(7, torch.device("cpu")); first = torch.rand(1)
    >>> seed_all(7, torch.device("cpu")); bool(first == torch.rand(1))
    True
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):  # another one may be the current one
            torch.cuda.manual_seed(seed)
