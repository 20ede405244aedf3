"""The kernel that reads volumes: all channels, and the label map where there is one, in one walk through one map.

It gives what the kernels of :mod:`sagittal.ops._walk` give, whose terms it uses. While a row is read the memory of the
next one is on its way: a volume's rows lie too far apart for the processor to guess.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagittal.ops._jit import kernel
from sagittal.ops._prefetch import prefetch
from sagittal.ops._walk import Index, cover_axis, mix, place_line, scale_line

Array = Any

SPAN = 512
"""Places that are read at once: whole rows, so that short ones do not cost a round of calls each."""

EVERY = 2
"""Of so many places of a row one is asked for: neighbours share a line of the cache, unless the map turns much."""


@kernel
def aim(at: Array, sizes: Array, steps: Array, label_steps: Array, share: Array, base: Array, near: Array) -> Any:
    """Where a row of places lies in memory, in one pass (few arrays, each with two indices: else compilers give up on vectors).

    Args:
        at: Source coordinates ``(3, W)``.
        sizes: Of the source.
        steps: Of the values.
        label_steps: Of the label map.
        share: How far each place is from the sample below to the next, ``(3, W)``; filled.
        base: That sample's place in memory; filled.
        near: The nearest sample's in the label map (halfway: the one of the higher index); filled.

    Returns:
        How many places are off the grid.
    """
    step_z, step_y, step_x = np.int64(steps[0]), np.int64(steps[1]), np.int64(steps[2])
    to_z, to_y, to_x = np.int64(label_steps[0]), np.int64(label_steps[1]), np.int64(label_steps[2])
    last_z, last_y, last_x = sizes[0] - 1.0, sizes[1] - 1.0, sizes[2] - 1.0
    most_z, most_y, most_x = max(sizes[0] - 2, 0), max(sizes[1] - 2, 0), max(sizes[2] - 2, 0)
    off = np.int64(0)
    for c in range(base.size):
        z, y, x = min(max(at[0, c], 0.0), last_z), min(max(at[1, c], 0.0), last_y), min(max(at[2, c], 0.0), last_x)
        i, j, k = min(np.int64(z), most_z), min(np.int64(y), most_y), min(np.int64(x), most_x)
        up, along, right = z - i, y - j, x - k
        share[0, c], share[1, c], share[2, c] = up, along, right
        base[c] = np.uint64(i * step_z + j * step_y + k * step_x)
        near[c] = np.uint64((i + (up >= 0.5)) * to_z + (j + (along >= 0.5)) * to_y + (k + (right >= 0.5)) * to_x)
        off += np.int64((z != at[0, c]) | (y != at[1, c]) | (x != at[2, c]))
    return off


@kernel
def ask_for(flat: Array, base: Array, step_z: Index, step_y: Index) -> None:
    """Start loading what a row of places needs; neighbours along x come along."""
    for c in range(0, base.size, EVERY):
        p = base[c]
        prefetch(flat, p)
        prefetch(flat, p + step_y)
        prefetch(flat, p + step_z)
        prefetch(flat, p + step_z + step_y)


@kernel
def read_values(source: Array, base: Array, steps: Array, share: Array, line: Array) -> None:
    """Trilinear interpolation of one row of places of one channel."""
    step_z, step_y, step_x = steps[0], steps[1], steps[2]
    for c in range(line.size):
        p = base[c]
        q, r = p + step_y, p + step_z
        s = r + step_y
        x, y, z = share[2, c], share[1, c], share[0, c]
        a = mix(np.float32(source[p]), np.float32(source[p + step_x]), x)
        b = mix(np.float32(source[q]), np.float32(source[q + step_x]), x)
        d = mix(np.float32(source[r]), np.float32(source[r + step_x]), x)
        e = mix(np.float32(source[s]), np.float32(source[s + step_x]), x)
        line[c] = mix(mix(a, b, y), mix(d, e, y), z)


@kernel
def read_names(flat: Array, near: Array, line: Array) -> None:
    """The labels of a row of places."""
    for c in range(line.size):
        line[c] = flat[near[c]]


@kernel
def blank(at: Array, sizes: Array, beyond: Array, line: Array) -> None:
    """What stands for labels off the grid, where a place's nearest sample would lie there."""
    for c in range(line.size):
        for k in range(3):
            if at[k, c] < -0.5 or at[k, c] >= sizes[k] - 0.5:
                line[c] = beyond[0]


@kernel
def aim_rows(memory: Array, marks: Array, affine: Array, bend: Array, rows: Array, at: Array, aimed: Array) -> Any:
    """:func:`aim` for some rows, whose memory is asked for; how many of their places are off the grid.

    ``rows`` are the first one, how many are wanted, how many there are (past the end the last one is aimed at again) and
    how many a slab has.
    """
    flat, offsets, sizes, steps = memory
    share, base, near = aimed
    first, count, all_rows, slab = rows
    columns = base.size // count
    for n in range(count):
        row = min(first + n, all_rows - 1)
        for k in range(3):
            place_line(affine, bend, row, slab, k, at[k, n * columns : (n + 1) * columns])
    off = aim(at, sizes, steps, marks[1], share, base, near)
    for channel in range(offsets.size):
        ask_for(flat[offsets[channel] :], base, steps[0], steps[1])
    if marks[0].size > 0:
        for c in range(0, base.size, EVERY):
            prefetch(marks[0], near[c])
    return off


@kernel
def read_rows(memory: Array, aimed: Array, at: Array, off: int, outside: float, tone: Array, target: Array, first: int, last: int) -> None:
    """The values of rows that were aimed at, places ``first`` to ``last`` of the target ``(C, places)``."""
    flat, offsets, sizes, steps = memory
    share, base, cover = aimed
    partly = off > 0 and not np.isnan(outside)
    number = np.float32(outside)
    if partly:
        cover[:] = 1.0
        for k in range(3):
            cover_axis(at[k], sizes[k], cover)
    for channel in range(offsets.size):
        line = target[channel, first:last]
        read_values(flat[offsets[channel] :], base, steps, share, line)
        if partly:
            for c in range(line.size):
                line[c] = number + cover[c] * (line[c] - number)
        scale_line(line, tone[0, channel], tone[1, channel])


@kernel
def read_volume(memory: Array, marks: Array, affine: Array, bend: Array, outside: float, tone: Array, out: Array, names: Array) -> None:
    """Values linearly and labels by the nearest, on the same map.

    Args:
        memory: Of the values.
        marks: The label map's memory, its steps, and what stands off the grid; no memory where there are no labels.
        affine: As everywhere.
        bend: As everywhere.
        outside: Of the values, NaN for the edge.
        tone: Of the values.
        out: Values ``(C, D, H, W)``.
        names: Labels ``(D, H, W)``, of a type that holds them.
    """
    rows, columns = out.shape[1] * out.shape[2], out.shape[3]
    target, named = out.reshape(out.shape[0], rows * columns), names.reshape(-1)
    at_once = max(SPAN // columns, 1)
    places = at_once * columns
    at, share, cover = np.empty((2, 3, places), np.float64), np.empty((2, 3, places), np.float32), np.empty(places, np.float32)
    base, near, off = np.empty((2, places), np.uint64), np.empty((2, places), np.uint64), np.zeros(2, np.int64)
    for turn in range(-(-rows // at_once) + 1):
        now, ahead = turn & 1, turn * at_once
        if ahead < rows:
            which = (ahead, at_once, rows, out.shape[2])
            off[now] = aim_rows(memory, marks, affine, bend, which, at[now], (share[now], base[now], near[now]))
        if turn == 0:
            continue
        now, first = 1 - now, (turn - 1) * places
        last = min(first + places, rows * columns)
        read_rows(memory, (share[now], base[now], cover), at[now], off[now], outside, tone, target, first, last)
        if marks[0].size > 0:
            read_names(marks[0], near[now], named[first:last])
            if off[now] > 0:
                blank(at[now], memory[2], marks[2], named[first:last])
