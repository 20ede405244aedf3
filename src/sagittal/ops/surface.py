"""The surface of a mask in pieces with an area, and how far its points are from those of another.

The pieces are those of marching cubes (Lorensen & Cline, SIGGRAPH 1987) with vertices halfway between samples, as in the
surface-distance package of DeepMind (Nikolov et al., arXiv:1809.04430): a cell is the space between neighbouring samples,
and which of its corners are inside decides how much surface it holds. A distance is that between the centres of cells.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from sagittal.ops._jit import kernel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Corner = tuple[int, ...]
Place = tuple[float, ...]

NEAR = 1000
"""So many places around a point are looked at, the nearest first; what has no neighbour there is looked up in a tree."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Distances:
    """How far the points of a surface are from another surface.

    Args:
        lengths: ``(n,)`` ascending, in world units.
        areas: ``(n,)``: how much of the surface is that far, in square world units (world units for a picture).
    """

    lengths: Floats = field(repr=False)
    areas: Floats = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Points:
    """The points of a surface of a picture, one by one.

    Args:
        rows: ``(n,)``.
        columns: ``(n,)``.
        codes: ``(n,)`` the byte of each, not 0; see :func:`cells`.
    """

    rows: NDArray[np.int64] = field(repr=False)
    columns: NDArray[np.int64] = field(repr=False)
    codes: NDArray[np.uint8] = field(repr=False)

    def places(self, linear: Floats) -> Floats:
        """Where they lie in the world ``(n, 2)``, but for a shift."""
        found: Floats = np.stack([self.rows, self.columns], axis=1) @ linear[1:, 1:].T
        return found


def between(here: Points, there: Points, linear: Floats, weights: Floats) -> Distances:
    """:func:`distances` of surfaces of which the points are listed; it takes memory for them, not for the picture.

    >>> one, other = (Points(rows=np.array([0]), columns=np.array([c]), codes=np.array([1], np.uint8)) for c in (2, 6))
    >>> between(one, other, np.diag([1.0, 1.0, 0.5]), np.ones(256)).lengths.tolist()
    [2.0]
    """
    tree = KDTree(there.places(linear), leafsize=64, balanced_tree=False, compact_nodes=False)
    away: Floats = tree.query(here.places(linear))[0]
    order = np.argsort(away)
    return Distances(lengths=away[order], areas=weights[here.codes[order]])


def cells(mask: Mask, *, flat: bool = False) -> NDArray[np.uint8]:
    """For each cell between samples a byte that tells which of its corners are inside; 0 where there is no surface.

    Args:
        mask: ``(D, H, W)``; what lies off it is outside.
        flat: It is a picture, ``(1, H, W)``: its surface is a contour, in cells without depth.

    Returns:
        ``(D + 1, H + 1, W + 1)``, or ``(1, H + 1, W + 1)`` where flat: the cell ``i`` lies before the sample ``i``.

    >>> int((cells(np.ones((4, 1, 1), dtype=bool)) > 0).sum())
    20
    """
    pad = (0 if flat else 1, 1, 1)
    padded = np.zeros([n + 2 * p for n, p in zip(mask.shape, pad, strict=True)], dtype=np.uint8)
    padded[tuple(slice(p, p + n) for n, p in zip(mask.shape, pad, strict=True))] = mask
    codes = np.empty([n + p for n, p in zip(mask.shape, pad, strict=True)], dtype=np.uint8)
    _encode(padded, codes, 0 if flat else 1)
    return codes


def areas(linear: Floats) -> Floats:
    """``(256,)``: how much surface a cell holds, by its byte of :func:`cells`.

    Args:
        linear: ``(3, 3)`` from indices to the world. Of a picture the first axis is one long and leaves the others alone.

    >>> round(float(areas(np.eye(3))[0b11110000]), 12)
    1.0
    """
    turned = np.abs(np.linalg.det(linear)) * np.linalg.inv(linear)
    found: Floats = np.linalg.norm(_normals() @ turned, axis=-1).sum(axis=-1)
    return found


def distances(here: NDArray[np.uint8], there: NDArray[np.uint8], linear: Floats, weights: Floats) -> Distances:
    """From each point of one surface to the nearest of another; exact, whatever the grid's axes are.

    Most surfaces that are compared lie close together: the places around a point are tried from the nearest on.

    Args:
        here: A map whose non-zero bytes are points, as :func:`cells` gives it.
        there: The other one, of the same shape; it holds at least one point.
        linear: ``(3, 3)`` from indices to the world.
        weights: ``(256,)``: the area of a point by its byte.

    >>> one, other = np.zeros((1, 1, 9), np.uint8), np.zeros((1, 1, 9), np.uint8)
    >>> one[0, 0, 2] = other[0, 0, 6] = 1
    >>> distances(one, other, np.diag([1.0, 1.0, 0.5]), np.ones(256)).lengths.tolist()
    [2.0]
    """
    offsets, lengths = _nearby(here.shape, linear)
    steps = offsets @ np.array([here.shape[1] * here.shape[2], here.shape[2], 1])
    sums, far = np.zeros(len(lengths)), np.empty(_count(here), dtype=np.int64)
    n = _nearest(here, there, offsets, steps, np.abs(offsets).max(axis=0), weights, sums, far)
    met = sums > 0
    lengths, sums = lengths[met], sums[met]
    if n:
        rest = far[:n]
        # Built for one question: a balanced tree of small leaves would take longer than it saves.
        points = np.empty(_count(there), dtype=np.int64)
        _list(there, points)
        places = _world(points, here.shape, linear)
        tree = KDTree(places, leafsize=64, balanced_tree=False, compact_nodes=False)
        away: Floats = tree.query(_world(rest, here.shape, linear))[0]
        order = np.argsort(away)
        lengths, sums = np.concatenate([lengths, away[order]]), np.concatenate([sums, weights[here.ravel()[rest]][order]])
    return Distances(lengths=lengths, areas=sums)


def _world(flat: NDArray[np.int64], shape: tuple[int, ...], linear: Floats) -> Floats:
    """Where samples lie in the world ``(n, 3)``, but for a shift, from their places in memory."""
    places = np.empty((len(flat), 3))
    _place(flat, shape[1], shape[2], np.ascontiguousarray(linear, dtype=np.float64), places)
    return places


def _nearby(shape: tuple[int, ...], linear: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Offsets ``(m, 3)`` of places around one, all within a radius, and how far they are; the nearest first."""
    axes = [n > 1 for n in shape]
    extent = abs(float(np.linalg.det(linear[np.ix_(axes, axes)]))) if any(axes) else 1.0
    radius = (NEAR * extent * (1, 0.5, 1 / np.pi, 0.75 / np.pi)[sum(axes)]) ** (1 / max(sum(axes), 1))
    reach = np.minimum(np.floor(radius * np.linalg.norm(np.linalg.inv(linear), axis=1)).astype(int), np.array(shape) - 1)
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(offsets @ linear.T, axis=1)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] <= radius]
    return offsets[order], lengths[order]


@functools.cache
def _normals() -> Floats:
    """``(256, T, 3)``: for each byte the normals of its triangles, as long as their area; zeros where there are fewer."""
    corners = tuple(itertools.product((0, 1), repeat=3))
    table = np.zeros((256, 4, 3))
    for code in range(1, 255):
        inside = {c for bit, c in enumerate(corners) if code >> bit & 1}
        # The fewer corners are cut off, each by itself where they touch along a diagonal only.
        inside = inside if len(inside) <= 4 else set(corners) - inside
        found = [normal for loop in _loops(inside) for normal in _triangles(loop)]
        table[code, : len(found)] = found
    return table


def _loops(inside: set[Corner]) -> list[list[Place]]:
    """The closed lines in which the surface meets the faces of the cell, through the middles of its edges."""
    beside: dict[Place, list[Place]] = {}
    for axis, side in itertools.product(range(3), (0, 1)):
        face = [(*pair[:axis], side, *pair[axis:]) for pair in ((0, 0), (0, 1), (1, 1), (1, 0))]
        cut = [_middle(face[i - 1], face[i]) for i in range(4) if (face[i - 1] in inside) != (face[i] in inside)]
        corners = [i for i in range(4) if face[i] in inside] if len(cut) == 4 else []
        for one, other in [(cut[i], cut[(i + 1) % 4]) for i in corners] if corners else zip(cut[::2], cut[1::2], strict=True):
            beside.setdefault(one, []).append(other)
            beside.setdefault(other, []).append(one)
    loops = []
    while beside:
        loop = [min(beside)]
        while (following := next((p for p in beside.pop(loop[-1]) if p in beside), None)) is not None:
            loop.append(following)
        loops.append(loop)
    return loops


def _middle(one: Corner, other: Corner) -> Place:
    return tuple((a + b) / 2 for a, b in zip(one, other, strict=True))


def _triangles(loop: list[Place]) -> Floats:
    """The normals of the fan of triangles that fills a line; of all fans the one with the largest area."""
    fans = []
    for start in range(len(loop)):
        points = np.roll(np.array(loop), -start, axis=0)
        fans.append(np.cross(points[1:-1] - points[0], points[2:] - points[0]) / 2)
    return max(fans, key=lambda normals: round(float(np.linalg.norm(normals, axis=1).sum()), 9))


@kernel
def _encode(padded: Any, codes: Any, deep: int) -> None:
    depth, rows, width = codes.shape
    for z in range(depth):
        for y in range(rows):
            a, b, c, d = padded[z, y], padded[z, y + 1], padded[z + deep, y], padded[z + deep, y + 1]
            line = codes[z, y]
            for x in range(width):
                low = a[x] | a[x + 1] << 1 | b[x] << 2 | b[x + 1] << 3
                high = c[x] | c[x + 1] << 1 | d[x] << 2 | d[x + 1] << 3
                code = low | high << 4
                line[x] = code if code != 255 else 0


@kernel
def _count(points: Any) -> int:
    total = 0
    for value in points.reshape(-1):
        total += value != 0
    return total


@kernel
def _list(points: Any, into: Any) -> None:
    n = 0
    for i, value in enumerate(points.reshape(-1)):
        if value:
            into[n] = i
            n += 1


@kernel
def _place(flat: Any, rows: int, width: int, linear: Any, places: Any) -> None:
    for i in range(len(flat)):
        x, line = flat[i] % width, flat[i] // width
        y, z = line % rows, line // rows
        for axis in range(3):
            places[i, axis] = linear[axis, 0] * z + linear[axis, 1] * y + linear[axis, 2] * x


@kernel
def _nearest(here: Any, there: Any, offsets: Any, steps: Any, reach: Any, weights: Any, sums: Any, far: Any) -> int:
    """Add the weight of each point to the first offset at which there is another; list those that have none, and count them."""
    depth, rows, width = here.shape
    flat = there.reshape(-1)
    missed = 0
    for z in range(depth):
        for y in range(rows):
            line = here[z, y]
            inner = reach[0] <= z < depth - reach[0] and reach[1] <= y < rows - reach[1]
            for x in range(width):
                if not line[x]:
                    continue
                at = (z * rows + y) * width + x
                found = -1
                if inner and reach[2] <= x < width - reach[2]:
                    for j in range(len(steps)):
                        if flat[at + steps[j]]:
                            found = j
                            break
                else:
                    for j in range(len(steps)):
                        p, q, r = z + offsets[j, 0], y + offsets[j, 1], x + offsets[j, 2]
                        if 0 <= p < depth and 0 <= q < rows and 0 <= r < width and flat[at + steps[j]]:
                            found = j
                            break
                if found >= 0:
                    sums[found] += weights[line[x]]
                else:
                    far[missed] = at
                    missed += 1
    return missed
