"""The kernels that read pictures of 8 bits: neighbours come in few loads, for all channels at once.

They give bit for bit what :func:`sagittal.ops._walk.read_linear` gives, for pictures as decoders lay them in memory:
channels side by side (or only one), so that a pixel and its right neighbour lie within eight bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sagittal.ops._jit import kernel
from sagittal.ops._memory import Memory
from sagittal.ops._walk import Float, Index, aim_row, begin_row, mix, straight_rows

Array = Any
Word = np.unsignedinteger[Any]

WORD = 8
"""Bytes of a load."""


def reader_of(memory: Memory) -> Callable[..., None] | None:
    """The kernel for this memory (see :mod:`sagittal.ops._walk`); None where it holds no picture of bytes, or a tiny one."""
    flat, offsets, sizes, steps = memory
    if flat.itemsize != 1 or flat.size < WORD or sizes[0] != 1:
        return None
    reach = int(max(offsets.tolist())) + int(steps[2])
    return read_grey if reach == 1 and steps[2] == 1 else read_bytes if reach < WORD else None


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
def load_words(flat: Array, base: Array, down: Index, words: Array) -> None:
    """The word ``down`` bytes after each place; at the end of the memory what lies beyond it is zero and is not read."""
    last = np.uint64(flat.size - WORD)
    for c in range(base.size):
        p = base[c] + down
        if p <= last:
            words[c] = word_at(flat, p)
        else:
            words[c] = word_at(flat, last) >> (np.uint64(WORD) * (p - last))


@kernel
def load_fours(flat: Array, base: Array, step_y: Index, fours: Array) -> None:
    """The four neighbours of each place of one channel in 32 bits: two of its row, then two of the next."""
    one = np.uint64(1)
    for c in range(base.size):
        p = base[c]
        q = p + step_y
        above = np.uint16(flat[p]) | np.uint16(np.uint16(flat[p + one]) << np.uint16(8))
        below = np.uint16(flat[q]) | np.uint16(np.uint16(flat[q + one]) << np.uint16(8))
        fours[c] = np.uint32(above) | np.uint32(below) << np.uint32(16)


@kernel
def byte_of(word: Word, shift: Index) -> Float:
    """One byte of a word as a number; from 32 bits with a sign, which processors turn into many numbers at once."""
    return np.float32(np.int32((word >> shift) & np.uint32(255)))


@kernel
def read_bytes(memory: Array, affine: Array, bend: Array, tone: Array, out: Array) -> None:
    """Linear interpolation, off the grid the nearest edge; arguments as of :func:`sagittal.ops._walk.read_linear`."""
    flat, offsets, sizes, steps = memory
    channels, rows, columns = out.shape[0], out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    along, share, base = np.empty((2, columns), np.float64), np.empty((2, columns), np.float32), np.empty(columns, np.uint64)
    straight_rows(affine, along)
    upper, lower = np.empty(columns, np.uint64), np.empty(columns, np.uint64)
    for row in range(rows):
        aim_row(begin_row(affine, bend, row, along), along, sizes, steps, share, base)
        load_words(flat, base, np.uint64(0), upper)
        load_words(flat, base, steps[1], lower)
        for channel in range(channels):
            line = target[channel, row]
            one = np.uint64(8 * offsets[channel])
            next_one = one + np.uint64(8) * steps[2]
            factor, offset = tone[0, channel], tone[1, channel]
            for c in range(columns):
                above = mix(byte_of(upper[c], one), byte_of(upper[c], next_one), share[1, c])
                below = mix(byte_of(lower[c], one), byte_of(lower[c], next_one), share[1, c])
                line[c] = mix(above, below, share[0, c]) * factor + offset


@kernel
def read_grey(memory: Array, affine: Array, bend: Array, tone: Array, out: Array) -> None:
    """The same for one channel, also where it is seen as several."""
    flat, _, sizes, steps = memory
    channels, rows, columns = out.shape[0], out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    along, share, base = np.empty((2, columns), np.float64), np.empty((2, columns), np.float32), np.empty(columns, np.uint64)
    straight_rows(affine, along)
    fours = np.empty(columns, np.uint32)
    for row in range(rows):
        aim_row(begin_row(affine, bend, row, along), along, sizes, steps, share, base)
        load_fours(flat, base, steps[1], fours)
        for channel in range(channels):
            line = target[channel, row]
            factor, offset = tone[0, channel], tone[1, channel]
            for c in range(columns):
                four, right = fours[c], share[1, c]
                above = mix(byte_of(four, np.uint32(0)), byte_of(four, np.uint32(8)), right)
                below = mix(byte_of(four, np.uint32(16)), byte_of(four, np.uint32(24)), right)
                line[c] = mix(above, below, share[0, c]) * factor + offset
