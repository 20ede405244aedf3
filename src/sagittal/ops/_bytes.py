"""The kernel that reads pictures of 8 bits: all channels of two neighbours come in one load of eight bytes.

It gives bit for bit what :func:`sagittal.ops._walk.read_linear` gives, for pictures as decoders lay them in memory:
channels side by side (or only one), so that a pixel and its right neighbour lie within eight bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagittal.ops._jit import kernel
from sagittal.ops._walk import Float, Index, mix, place_row, split_axis

Array = Any
Word = np.unsignedinteger[Any]

WORD = 8
"""Bytes of a load."""


def fits(flat: Array, offsets: Array, sizes: Array, steps: Array) -> bool:
    """Whether this memory (see :mod:`sagittal.ops._walk`) can be read in words: a picture, not too small."""
    near = flat.dtype.itemsize == 1 and flat.size >= WORD and sizes[0] == 1
    return bool(near and int(max(offsets)) + int(steps[2]) < WORD)


@kernel
def word_at(flat: Array, p: Index) -> Word:
    """Eight bytes from ``p`` on, the first one lowest; compilers make one load of it."""
    return (
        np.uint64(flat[p])
        | np.uint64(flat[p + np.uint64(1)]) << np.uint64(8)
        | np.uint64(flat[p + np.uint64(2)]) << np.uint64(16)
        | np.uint64(flat[p + np.uint64(3)]) << np.uint64(24)
        | np.uint64(flat[p + np.uint64(4)]) << np.uint64(32)
        | np.uint64(flat[p + np.uint64(5)]) << np.uint64(40)
        | np.uint64(flat[p + np.uint64(6)]) << np.uint64(48)
        | np.uint64(flat[p + np.uint64(7)]) << np.uint64(56)
    )


@kernel
def load_words(flat: Array, base: Array, words: Array) -> None:
    """The word at each place; at the end of the memory what lies beyond it is zero and is not read."""
    last = np.uint64(flat.size - WORD)
    for c in range(base.size):
        p = base[c]
        if p <= last:
            words[c] = word_at(flat, p)
        else:
            words[c] = word_at(flat, last) >> (np.uint64(WORD) * (p - last))


@kernel
def byte_of(word: Word, shift: Index) -> Float:
    """One byte of a word as a number."""
    return np.float32(np.uint32(word >> shift) & np.uint32(255))


@kernel
def read_bytes(memory: Array, affine: Array, bend: Array, tone: Array, out: Array) -> None:
    """Linear interpolation, off the grid the nearest edge; arguments as of :func:`sagittal.ops._walk.read_linear`."""
    flat, offsets, sizes, steps = memory
    step_y, step_x = steps[1], steps[2]
    channels, rows, columns = out.shape[0], out.shape[1] * out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    at = np.empty((3, columns), np.float64)
    low, share = np.empty((2, columns), np.uint64), np.empty((2, columns), np.float32)
    upper, lower = np.empty(columns, np.uint64), np.empty(columns, np.uint64)
    for row in range(rows):
        place_row(affine, bend, row, out.shape[2], at)
        split_axis(at[1], sizes[1], low[0], share[0])
        split_axis(at[2], sizes[2], low[1], share[1])
        for c in range(columns):
            low[0, c] = low[0, c] * step_y + low[1, c] * step_x
            low[1, c] = low[0, c] + step_y
        load_words(flat, low[0], upper)
        load_words(flat, low[1], lower)
        for channel in range(channels):
            line = target[channel, row]
            one = np.uint64(8 * offsets[channel])
            next_one = one + np.uint64(8) * step_x
            factor, offset = tone[0, channel], tone[1, channel]
            for c in range(columns):
                above = mix(byte_of(upper[c], one), byte_of(upper[c], next_one), share[1, c])
                below = mix(byte_of(lower[c], one), byte_of(lower[c], next_one), share[1, c])
                line[c] = mix(above, below, share[0, c]) * factor + offset
