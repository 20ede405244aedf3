"""The kernels that read values through a map: one walk over the rows of the target, for two axes and three.

Everything comes lifted to three axes (a picture is one slab) and C-contiguous: values ``(C, Z, Y, X)``, out
``(C, D, H, W)``, the affine ``(3, 4)`` from target to source indices. ``bend`` is how far each row is moved from
the affine, in source indices: control displacements ``(3, D * H, controls)`` along the row, first control and
weights of each column; no controls where nothing bends. Source places and weights are found once a row and
serve every channel; the grid of places is never laid out in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagittal.ops._jit import kernel

Array = Any
"""Arrays of several element types: numba compiles a kernel for each."""

Float = np.float32


@kernel
def place_row(affine: Array, bend: Array, row: int, rows_a_slab: int, at: Array) -> None:
    """Source coordinates ``(3, W)`` of one row of the target."""
    controls, first, weights = bend
    z, y = row // rows_a_slab, row % rows_a_slab
    for k in range(3):
        start, step = affine[k, 0] * z + affine[k, 1] * y + affine[k, 3], affine[k, 2]
        for c in range(at.shape[1]):
            at[k, c] = start + step * c
        if controls.shape[2] > 0:
            for c in range(at.shape[1]):
                i = first[c]
                for tap in range(4):
                    at[k, c] += weights[c, tap] * controls[k, row, i + tap]


@kernel
def split_axis(at: Array, size: int, low: Array, share: Array, cover: Array) -> None:
    """For each place on an axis: the sample below, how far it is to the next, how much of it lies on the grid."""
    last = size - 1.0
    below = max(size - 2, 0)
    for c in range(at.size):
        place = at[c]
        inside = min(max(place, 0.0), last)
        cover[c] *= max(1.0 - abs(place - inside), 0.0)
        i = min(int(inside), below)
        low[c] = i
        share[c] = inside - i


@kernel
def mix(a: Float, b: Float, share: Float) -> Float:
    """Linear interpolation that is exact at both ends, which ``a + share * (b - a)`` is not."""
    return a * (np.float32(1.0) - share) + b * share


@kernel
def read_slab(source: Array, low: Array, step_y: int, step_x: int, share: Array, line: Array) -> None:
    """Bilinear interpolation of one row of places within one slab."""
    for c in range(line.size):
        p = low[c]
        upper = mix(np.float32(source[p]), np.float32(source[p + step_x]), share[2, c])
        lower = mix(np.float32(source[p + step_y]), np.float32(source[p + step_y + step_x]), share[2, c])
        line[c] = mix(upper, lower, share[1, c])


@kernel
def read_linear(values: Array, affine: Array, bend: Array, outside: float, out: Array) -> None:
    """Linear interpolation; off the grid the nearest edge, mixed over one sample into ``outside`` unless that is NaN."""
    channels, depth, height, width = values.shape
    step_z, step_y, step_x = height * width, width, 1
    if depth == 1:
        step_z = 0
    if height == 1:
        step_y = 0
    if width == 1:
        step_x = 0
    flat = values.reshape(channels, depth * height * width)
    rows, columns = out.shape[1] * out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    at = np.empty((3, columns), np.float64)
    low = np.empty((3, columns), np.int64)
    share = np.empty((3, columns), np.float32)
    cover, other = np.empty(columns, np.float32), np.empty(columns, np.float32)
    constant, beyond = not np.isnan(outside), np.float32(outside)
    for row in range(rows):
        place_row(affine, bend, row, out.shape[2], at)
        cover[:] = 1.0
        split_axis(at[0], depth, low[0], share[0], cover)
        split_axis(at[1], height, low[1], share[1], cover)
        split_axis(at[2], width, low[2], share[2], cover)
        for c in range(columns):
            low[0, c] = (low[0, c] * height + low[1, c]) * width + low[2, c]
        for channel in range(channels):
            line = target[channel, row]
            read_slab(flat[channel], low[0], step_y, step_x, share, line)
            if depth > 1:
                for c in range(columns):
                    low[1, c] = low[0, c] + step_z
                read_slab(flat[channel], low[1], step_y, step_x, share, other)
                for c in range(columns):
                    line[c] = mix(line[c], other[c], share[0, c])
            if constant:
                for c in range(columns):
                    line[c] = beyond + cover[c] * (line[c] - beyond)


@kernel
def read_nearest(values: Array, affine: Array, bend: Array, outside: Array, out: Array) -> None:
    """The nearest sample (halfway: the one of the higher index); ``outside[0]`` off the grid, or the edge when it is empty."""
    channels, depth, height, width = values.shape
    flat = values.reshape(channels, depth * height * width)
    rows, columns = out.shape[1] * out.shape[2], out.shape[3]
    target = out.reshape(channels, rows, columns)
    at = np.empty((3, columns), np.float64)
    place = np.empty(columns, np.int64)
    for row in range(rows):
        place_row(affine, bend, row, out.shape[2], at)
        for c in range(columns):
            z, y, x = int(np.floor(at[0, c] + 0.5)), int(np.floor(at[1, c] + 0.5)), int(np.floor(at[2, c] + 0.5))
            iz, iy, ix = min(max(z, 0), depth - 1), min(max(y, 0), height - 1), min(max(x, 0), width - 1)
            on_grid = iz == z and iy == y and ix == x
            place[c] = (iz * height + iy) * width + ix if on_grid or outside.size == 0 else -1
        for channel in range(channels):
            source, line = flat[channel], target[channel, row]
            for c in range(columns):
                line[c] = source[place[c]] if place[c] >= 0 else outside[0]
