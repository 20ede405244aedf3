"""Random numbers as a function of keys, so that any number of workers draws the same."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

_WORDS = np.dtype("<u8")
_START = np.zeros(4, np.uint64)
"""Where Philox counts from by itself as well; given as an array it is not taken apart as a large number first."""


def generator(seed: int, *keys: int) -> np.random.Generator:
    """A generator that depends on the seed and the keys alone, such as ``generator(seed, epoch, index)``.

    Streams of different keys are independent for every practical purpose: the 128-bit key of a
    counter-based generator (Philox) is a hash of them. Neither order of asking nor process matters.

    Args:
        seed: The seed of the run.
        keys: Any integers, negative ones too; ``(1,)`` and ``(1, 0)`` are different streams.

    >>> bool(generator(7, 0, 3).random() == generator(7, 0, 3).random())
    True
    >>> bool(generator(7, 0, 3).random() == generator(7, 3, 0).random())
    False
    """
    text = ",".join(str(int(key)) for key in (seed, *keys))
    digest = hashlib.blake2b(text.encode("ascii"), digest_size=16).digest()
    key: Any = _Key(np.frombuffer(digest, dtype=_WORDS))  # numpy's stubs do not know that any ISeedSequence will do
    return np.random.Generator(np.random.Philox(key, counter=_START))


class _Key(ISeedSequence):
    """Gives Philox its key. ``Philox(key=...)`` gives the same stream, but asks the system for entropy first, for most of its time."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[np.uint64]:
        """The two words of the key."""
        return self.words
