"""Hashes of pixels: as they are, and the same for all flips and rotations."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops.contiguous import contiguous


def digests(values: NDArray[Any]) -> tuple[str, str]:
    """Hashes of ``(C, *shape)``: as it is, and the same for all its flips and rotations.

    >>> a = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    >>> one, two = digests(a), digests(a[:, ::-1].swapaxes(1, 2))
    >>> one[0] == two[0], one[1] == two[1]
    (False, True)
    """
    plain = _hash(values)
    return plain, min(_hash(turned) for turned in _canonical(values)) if values.ndim > 1 else plain


def joined(parts: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """The hashes of all modalities together; of an only one its own."""
    plain, turned = zip(*parts.values(), strict=True)
    return functools.reduce(_both, plain), functools.reduce(_both, turned)


def _canonical(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The orientation (or, where several look alike, orientations) that flips and rotations of the axes lead to.

    The sums over the corners of the grid tell orientations apart; they are whole numbers, so that no order of
    summation changes them. Only their smallest arrangement is hashed, not all 8 (or, for volumes, 48).
    """
    axes = values.ndim - 1
    whole = _as_whole(values)
    halves = [(slice(0, n // 2), slice(n - n // 2, n)) for n in values.shape[1:]]
    corners = np.array([int(whole[(slice(None), *pick)].sum(dtype=np.uint64)) for pick in itertools.product(*halves)], dtype=object)
    corners = corners.reshape((2,) * axes)
    turned = {}
    for order in itertools.permutations(range(axes)):
        for flips in itertools.product((1, -1), repeat=axes):
            arranged = corners.transpose(order)[tuple(slice(None, None, f) for f in flips)]
            key = (tuple(values.shape[1 + a] for a in order), tuple(arranged.reshape(-1)))
            turned[order, flips] = key
    least = min(turned.values())
    for (order, flips), key in turned.items():
        if key == least:
            yield values.transpose(0, *(a + 1 for a in order))[(slice(None), *(slice(None, None, f) for f in flips))]


def _as_whole(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers that stand for the values one to one, so that sums are exact."""
    if values.dtype.kind == "f":
        return values.view(f"u{values.dtype.itemsize}")
    return values


def _hash(values: NDArray[Any]) -> str:
    state = hashlib.blake2b(repr((values.shape, values.dtype.str)).encode(), digest_size=16)
    state.update(contiguous(values).data)
    return state.hexdigest()


def _both(a: str, b: str) -> str:
    return hashlib.blake2b(f"{a} {b}".encode(), digest_size=16).hexdigest()
