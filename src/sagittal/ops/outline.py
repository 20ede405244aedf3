"""The outlines of a mask along the edges of its samples: exact, and valid as polygons with holes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel
from sagittal.ops.components import components

Ring = NDArray[np.float64]
Polygon = tuple[Ring, ...]
"""The outer ring, then the holes."""

_ROW, _COLUMN = np.array([0, 1, 0, -1]), np.array([1, 0, -1, 0])


def outline(mask: NDArray[np.bool_]) -> list[Polygon]:
    """The polygons around the pieces of a mask ``(rows, columns)`` that hang together over faces.

    Rings are ``(n, 2)`` rows and columns in index coordinates, so that the sample ``(0, 0)`` is the square from -.5 to .5;
    only corners are kept, and the first one is not repeated. Filling them by even-odd gives the mask again. Outer rings run
    clockwise as pictures are shown, holes the other way round; rings touch in single points at most, never themselves.

    >>> [ring.tolist() for ring in outline(np.array([[True, True]]))[0]]
    [[[-0.5, -0.5], [-0.5, 1.5], [0.5, 1.5], [0.5, -0.5]]]
    """
    if not mask.any():
        return []
    pieces, n = components(np.ascontiguousarray(mask), connectivity="faces")
    nodes, lengths = _traced(_edges(np.pad(mask, 1)))
    outer: list[Ring | None] = [None] * n
    holes: list[list[Ring]] = [[] for _ in range(n)]
    for walk in np.split(nodes, np.cumsum(lengths)[:-1]):
        for ring in _apart(walk):
            row, column = ring[0] + _inside(ring[1] - ring[0])
            piece = int(pieces[row, column]) - 1
            corners = _corners(ring).astype(np.float64) - 0.5
            if _turn(ring) > 0:
                outer[piece] = corners
            else:
                holes[piece].append(corners)
    return [(ring, *inner) for ring, inner in zip(outer, holes, strict=True) if ring is not None]


def area(ring: Ring) -> float:
    """The signed area of a ring of rows and columns: positive where it runs clockwise as pictures are shown."""
    row, column = ring[:, 0], ring[:, 1]
    return float(column @ np.roll(row, -1) - row @ np.roll(column, -1)) / 2


def _turn(ring: NDArray[np.int64]) -> float:
    return area(ring.astype(np.float64))


def _edges(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """For each corner of samples, a bit a direction (right, down, left, up) in which an edge leaves it, the mask on its right hand.

    Args:
        mask: With a margin of one sample; the corner ``(i, j)`` lies at the upper left of the sample ``(i, j)`` without it.
    """
    above_left, above, left, here = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
    found = (
        (here & ~above).astype(np.uint8)
        | (left & ~here).astype(np.uint8) << 1
        | (above_left & ~left).astype(np.uint8) << 2
        | (above & ~above_left).astype(np.uint8) << 3
    )
    return found.astype(np.uint8)


def _inside(step: NDArray[np.int64]) -> NDArray[np.int64]:
    """From a corner to the sample on the right hand of the edge that leaves it in this direction."""
    way = {(0, 1): (0, 0), (1, 0): (0, -1), (0, -1): (-1, -1), (-1, 0): (-1, 0)}
    return np.array(way[int(np.sign(step[0])), int(np.sign(step[1]))])


def _traced(edges: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The corners of all closed walks one after the other, ``(n, 2)``, and how many each has."""
    nodes, lengths = np.empty((int(np.bitwise_count(edges).sum()), 2), dtype=np.int64), np.empty(int((edges > 0).sum()), dtype=np.int64)
    n, walks = _trace(edges, _ROW, _COLUMN, nodes, lengths)
    return nodes[:n], lengths[:walks]


@kernel
def _trace(edges: Any, rows: Any, columns: Any, nodes: Any, lengths: Any) -> Any:
    """Follow the edges; where two leave a corner, the one that keeps to the same sample (a turn to the right) is taken."""
    n = walks = 0
    for i in range(edges.shape[0]):
        for j in range(edges.shape[1]):
            while edges[i, j]:
                start, r, c, way = n, i, j, 0
                while not (edges[r, c] >> way) & 1:
                    way += 1
                while True:
                    nodes[n, 0], nodes[n, 1] = r, c
                    n += 1
                    edges[r, c] &= 255 ^ (1 << way)
                    r, c = r + rows[way], c + columns[way]
                    if edges[r, c] == 0:
                        break
                    for turn in (1, 0, 3):
                        if (edges[r, c] >> ((way + turn) % 4)) & 1:
                            way = (way + turn) % 4
                            break
                lengths[walks] = n - start
                walks += 1
    return n, walks


def _apart(walk: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """A closed walk as rings that pass no corner twice."""
    keys = walk[:, 0] << 32 | walk[:, 1]
    if len(np.unique(keys)) == len(keys):
        return [walk]
    rings, stack, place = [], list[int](), dict[int, int]()
    for i, key in enumerate(keys.tolist()):
        if key in place:
            first = place[key]
            rings.append(walk[stack[first:]])
            for gone in stack[first:]:
                del place[int(keys[gone])]
            del stack[first:]
        place[key] = len(stack)
        stack.append(i)
    return [*rings, walk[stack]]


def _corners(ring: NDArray[np.int64]) -> NDArray[np.int64]:
    """The points of a ring at which it turns."""
    turned: NDArray[np.int64] = ring[np.any(np.roll(ring, -1, axis=0) - ring != ring - np.roll(ring, 1, axis=0), axis=1)]
    return turned
