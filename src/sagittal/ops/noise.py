"""Noise that is a function of a key and a place, drawn as fast as memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel

if TYPE_CHECKING:
    from torch import Tensor

SPREAD = np.sqrt(4 * (2.0**32 - 1) / 12)
"""Standard deviation of the sum of four whole numbers below 2**16, each as likely."""

FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Of the hash (splitmix64)."""

GOLDEN = 0x9E3779B97F4A7C15
"""Steps of this length visit all 64-bit numbers, far from one another."""


def add_normal(values: NDArray[np.float32], sd: float, *, key: int) -> NDArray[np.float32]:
    """The values with nearly normal noise added, in place where they lie in one block of memory.

    Each place hashes its own number (splitmix64), so that the noise depends on the key alone. The sum of four
    uniform numbers stands for a normal one: no value is further than 3.5 sd, and the kurtosis is 2.7, not 3.

    Args:
        values: float32, any shape.
        sd: Standard deviation.
        key: 0 to 2**64 - 1.

    >>> float(add_normal(np.zeros(1000, np.float32), 2.0, key=1).std().round(0))
    2.0
    """
    block = np.ascontiguousarray(values, dtype=np.float32)
    if sd > 0:
        _add(block.reshape(-1), np.float32(sd / SPREAD), np.uint64(key))
    return block


def add_normal_to_tensor(values: Tensor, sd: float | Tensor, *, key: int) -> Tensor:
    """:func:`add_normal` of a float32 tensor on any device: the same noise of the same key.

    Args:
        values: Any shape; it is left as it is.
        sd: One for all values, or a tensor that is spread over them.
        key: 0 to 2**64 - 1.
    """
    import torch

    # int64 wraps as uint64 does; what is shifted in from the sign is cut off
    z = torch.arange(1, values.numel() + 1, dtype=torch.int64, device=values.device).mul_(_signed(GOLDEN)).add_(_signed(key))
    for shift, factor in zip((30, 27, 31), (*FACTORS, 1), strict=True):
        z = (z ^ ((z >> shift) & ((1 << (64 - shift)) - 1))).mul_(_signed(factor))
    total = (z & 0xFFFF) + ((z >> 16) & 0xFFFF) + ((z >> 32) & 0xFFFF) + ((z >> 48) & 0xFFFF) - 2 * 65535
    return values + (sd / float(SPREAD)) * total.reshape(values.shape).float()


def _signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word


@kernel
def mixed(key: Any) -> Any:
    """64 bits that depend on all bits of the key (splitmix64)."""
    z = (key ^ (key >> np.uint64(30))) * np.uint64(FACTORS[0])
    z = (z ^ (z >> np.uint64(27))) * np.uint64(FACTORS[1])
    return z ^ (z >> np.uint64(31))


@kernel
def uniform(key: Any) -> Any:
    """A number of 0 to below 1 that depends on a key."""
    return float(mixed(key * np.uint64(GOLDEN)) >> np.uint64(11)) * 2.0**-53


@kernel
def _add(values: Any, step: Any, key: Any) -> None:
    centre = np.float32(2 * 65535)
    low = np.uint64(0xFFFF)
    for i in range(values.size):
        z = mixed(key + np.uint64(i + 1) * np.uint64(GOLDEN))
        total = (z & low) + ((z >> np.uint64(16)) & low) + ((z >> np.uint64(32)) & low) + (z >> np.uint64(48))
        values[i] += step * (np.float32(np.int64(total)) - centre)
