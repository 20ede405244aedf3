"""The kernels that read values through a map: one walk over the rows of the target.

Pictures are read here, and the nearest sample of anything; volumes in :mod:`sagittal.ops._volume`. Everything comes
lifted to three axes (a picture is one slab). The source is its memory as it lies, with channels
first or last, a part of a larger array or all of it: ``(flat, offsets, sizes, steps)``: the elements in a row, where each
channel starts, and for z, y and x how many samples there are and how far it is to the next. ``out`` is
``(C, D, H, W)``, the affine ``(3, 4)`` from target to source indices. ``bend`` is how far each row is moved from
the affine, in source indices: control displacements ``(3, D * H, controls)`` along the row, the first column of
each cell between controls and the end, each column's share of the way through its cell; no cells where nothing
bends. ``tone`` is a factor and an offset for each channel, ``(2, C)``, applied to what was read. Source places and
weights are found once a row and serve every channel; the grid of places is never laid out in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagittal.ops._jit import kernel

Array = Any
"""Arrays of several element types: numba compiles a kernel for each."""

Float = np.float32
Index = np.unsignedinteger[Any]


@kernel
def place_row(affine: Array, bend: Array, row: int, rows_a_slab: int, at: Array) -> None:
    """Source coordinates ``(3, W)`` of one row of the target."""
    for k in range(3):
        place_line(affine, bend, row, rows_a_slab, k, at[k])


@kernel
def place_line(affine: Array, bend: Array, row: int, rows_a_slab: int, k: int, line: Array) -> None:
    """Coordinates of one row of the target along one axis of the source, ``(W,)``."""
    controls, starts, share = bend
    z, y = row // rows_a_slab, row % rows_a_slab
    start, step = affine[k, 0] * z + affine[k, 1] * y + affine[k, 3], affine[k, 2]
    for c in range(line.size):
        line[c] = start + step * c
    for cell in range(starts.size - 1):
        p, q, r, s = controls[k, row, cell], controls[k, row, cell + 1], controls[k, row, cell + 2], controls[k, row, cell + 3]
        # The B-spline of this cell as a polynomial of the share of the way through it.
        one, two, three = (r - p) / 2, (p - 2 * q + r) / 2, (s - p + 3 * (q - r)) / 6
        zero = (p + 4 * q + r) / 6
        for c in range(starts[cell], starts[cell + 1]):
            t = share[c]
            line[c] += zero + t * (one + t * (two + t * three))


@kernel
def split_axis(at: Array, size: int, low: Array, share: Array) -> None:
    """For each place on an axis, kept on the grid: the sample below, and how far it is to the next."""
    last = size - 1.0
    below = max(size - 2, 0)
    for c in range(at.size):
        inside = min(max(at[c], 0.0), last)
        i = min(int(inside), below)
        low[c] = np.uint64(i)  # unsigned: numba then leaves out the test for indices below 0
        share[c] = inside - i


@kernel
def cover_axis(at: Array, size: int, cover: Array) -> None:
    """How much of each place's two samples lies on the grid, times what other axes have left."""
    for c in range(at.size):
        cover[c] *= max(1.0 - abs(at[c] - min(max(at[c], 0.0), size - 1.0)), 0.0)


@kernel
def mix(a: Float, b: Float, share: Float) -> Float:
    """Linear interpolation that is exact at both ends, which ``a + share * (b - a)`` is not."""
    return a * (np.float32(1.0) - share) + b * share


@kernel
def read_slab(source: Array, base: Array, step_y: Index, step_x: Index, share: Array, line: Array) -> None:
    """Bilinear interpolation of one row of places within one slab."""
    for c in range(line.size):
        p = base[c]
        upper = mix(np.float32(source[p]), np.float32(source[p + step_x]), share[2, c])
        lower = mix(np.float32(source[p + step_y]), np.float32(source[p + step_y + step_x]), share[2, c])
        line[c] = mix(upper, lower, share[1, c])


@kernel
def scale_line(line: Array, factor: Float, offset: Float) -> None:
    """A product and a sum, in place."""
    for c in range(line.size):
        line[c] = line[c] * factor + offset


@kernel
def read_linear(memory: Array, affine: Array, bend: Array, outside: float, tone: Array, out: Array) -> None:
    """Linear interpolation of pictures; off the grid the nearest edge, mixed over one sample into ``outside`` unless that is NaN."""
    flat, offsets, sizes, steps = memory
    step_y, step_x = steps[1], steps[2]
    channels, rows, columns = out.shape[0], out.shape[1] * out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    at = np.empty((3, columns), np.float64)
    low, share = np.zeros((3, columns), np.uint64), np.empty((3, columns), np.float32)
    base, cover = np.empty(columns, np.uint64), np.empty(columns, np.float32)
    constant, beyond = not np.isnan(outside), np.float32(outside)
    for row in range(rows):
        place_row(affine, bend, row, out.shape[2], at)
        split_axis(at[1], sizes[1], low[1], share[1])
        split_axis(at[2], sizes[2], low[2], share[2])
        for c in range(columns):
            base[c] = low[1, c] * step_y + low[2, c] * step_x
        if constant:
            cover[:] = 1.0
            for k in range(3):
                cover_axis(at[k], sizes[k], cover)
        for channel in range(channels):
            source, line = flat[offsets[channel] :], target[channel, row]
            read_slab(source, base, step_y, step_x, share, line)
            if constant:
                for c in range(columns):
                    line[c] = beyond + cover[c] * (line[c] - beyond)
            scale_line(line, tone[0, channel], tone[1, channel])


@kernel
def read_nearest(memory: Array, affine: Array, bend: Array, outside: Array, out: Array) -> None:
    """The nearest sample (halfway: the one of the higher index); ``outside[0]`` off the grid, or the edge when it is empty."""
    flat, offsets, sizes, steps = memory
    channels, rows, columns = out.shape[0], out.shape[1] * out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    at = np.empty((3, columns), np.float64)
    place = np.empty(columns, np.int64)
    size_z, size_y, size_x = sizes[0], sizes[1], sizes[2]
    step_z, step_y, step_x = np.int64(steps[0]), np.int64(steps[1]), np.int64(steps[2])
    for row in range(rows):
        place_row(affine, bend, row, out.shape[2], at)
        for c in range(columns):
            z, y, x = int(np.floor(at[0, c] + 0.5)), int(np.floor(at[1, c] + 0.5)), int(np.floor(at[2, c] + 0.5))
            iz, iy, ix = min(max(z, 0), size_z - 1), min(max(y, 0), size_y - 1), min(max(x, 0), size_x - 1)
            on_grid = iz == z and iy == y and ix == x
            place[c] = iz * step_z + iy * step_y + ix * step_x if on_grid or outside.size == 0 else -1
        for channel in range(channels):
            source, line = flat[offsets[channel] :], target[channel, row]
            for c in range(columns):
                line[c] = source[place[c]] if place[c] >= 0 else outside[0]
