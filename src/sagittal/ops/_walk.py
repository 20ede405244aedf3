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
def straight_rows(affine: Array, along: Array) -> None:
    """How far each column lies from the first one along both axes of a picture, ``(2, W)``: alike in all rows where nothing bends."""
    for k in range(2):
        for c in range(along.shape[1]):
            along[k, c] = affine[k + 1, 2] * c


@kernel
def begin_row(affine: Array, bend: Array, row: int, along: Array) -> Any:
    """Where a row of a picture begins along both axes, and ``along`` from there on; :func:`straight_rows` has filled it."""
    if bend[1].size > 1:
        place_line(affine, bend, row, row + 1, 1, along[0])
        place_line(affine, bend, row, row + 1, 2, along[1])
        return 0.0, 0.0
    return affine[1, 1] * row + affine[1, 3], affine[2, 1] * row + affine[2, 3]


@kernel
def aim_row(start: Any, along: Array, sizes: Array, steps: Array, share: Array, base: Array) -> None:
    """Where a row of a picture lies in memory: of each place, kept on the grid, the sample below, and how far it is to the next.

    In one pass over few arrays: else compilers give up on vectors.

    Args:
        start: Of the row along both axes.
        along: From there on, ``(2, W)``.
        sizes: Of the source.
        steps: Of the source.
        share: How far each place is from the sample below to the next, ``(2, W)``; filled.
        base: That sample's place in memory; filled.
    """
    last_y, last_x = sizes[1] - 1.0, sizes[2] - 1.0
    most_y, most_x = np.int32(max(sizes[1] - 2, 0)), np.int32(max(sizes[2] - 2, 0))
    (start_y, start_x), step_y, step_x = start, steps[1], steps[2]
    for c in range(base.size):
        y, x = min(max(start_y + along[0, c], 0.0), last_y), min(max(start_x + along[1, c], 0.0), last_x)
        # 32 bits: many processors cannot turn several numbers into 64-bit integers at once.
        i, j = min(np.int32(y), most_y), min(np.int32(x), most_x)
        share[0, c], share[1, c] = y - i, x - j
        base[c] = np.uint64(np.uint32(i)) * step_y + np.uint64(np.uint32(j)) * step_x


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
        upper = mix(np.float32(source[p]), np.float32(source[p + step_x]), share[1, c])
        lower = mix(np.float32(source[p + step_y]), np.float32(source[p + step_y + step_x]), share[1, c])
        line[c] = mix(upper, lower, share[0, c])


@kernel
def scale_line(line: Array, factor: Float, offset: Float) -> None:
    """A product and a sum, in place."""
    for c in range(line.size):
        line[c] = line[c] * factor + offset


@kernel
def read_linear(memory: Array, affine: Array, bend: Array, outside: float, tone: Array, out: Array) -> None:
    """Linear interpolation of pictures; off the grid the nearest edge, mixed over one sample into ``outside`` unless that is NaN."""
    flat, offsets, sizes, steps = memory
    channels, rows, columns = out.shape[0], out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    along, share, base = np.empty((2, columns), np.float64), np.empty((2, columns), np.float32), np.empty(columns, np.uint64)
    cover, beyond, constant = np.empty(columns, np.float32), np.float32(outside), not np.isnan(outside)
    straight_rows(affine, along)
    for row in range(rows):
        start = begin_row(affine, bend, row, along)
        aim_row(start, along, sizes, steps, share, base)
        if constant:
            cover[:] = 1.0
            for k in range(2):
                cover_axis(start[k] + along[k], sizes[k + 1], cover)
        for channel in range(channels):
            source, line = flat[offsets[channel] :], target[channel, row]
            read_slab(source, base, steps[1], steps[2], share, line)
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
