"""Which samples an epoch takes, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.data.streams import ORDER
from sagittal.ops.randomness import generator


class Order(Protocol):
    """Which samples an epoch takes, in which order."""

    def of(self, epoch: int, draw: int = 0) -> NDArray[np.int64]:
        """Indices of samples; networks that draw their own have another ``draw`` each."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class InOrder:
    """Every sample once, as they come."""

    n: int

    def of(self, epoch: int, draw: int = 0) -> NDArray[np.int64]:
        """Indices, ``(n,)``."""
        return np.arange(self.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shuffled:
    """Every sample once, in an order drawn from the seed and the epoch."""

    n: int
    seed: int

    def of(self, epoch: int, draw: int = 0) -> NDArray[np.int64]:
        """Indices, ``(n,)``."""
        return generator(self.seed, epoch, ORDER, draw).permutation(self.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class Balanced:
    """As many samples as there are, every class equally often; rare ones come several times.

    Within a class the samples go round in shuffled order, so that none is left out while another comes twice.
    """

    classes: NDArray[np.int64]
    seed: int

    def of(self, epoch: int, draw: int = 0) -> NDArray[np.int64]:
        """Indices, ``(n,)``."""
        rng = generator(self.seed, epoch, ORDER, draw)
        present = np.unique(self.classes)
        n = len(self.classes)
        shares = np.full(len(present), n // len(present))
        shares[rng.permutation(len(present))[: n % len(present)]] += 1
        picked = []
        for name, share in zip(present, shares, strict=True):
            members = np.flatnonzero(self.classes == name)
            rounds = -(-int(share) // len(members))
            picked.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[:share])
        return rng.permutation(np.concatenate(picked))
