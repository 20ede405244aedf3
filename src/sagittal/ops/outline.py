"""The outlines of label maps along the edges of their samples: exact, valid as polygons with holes, made as rows come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._trace import COLUMNS, FIRST_COLUMN, FIRST_ROW, LABEL, LAST_ROW, PARENT, ROWS, SAMPLES, Front

Ring = NDArray[np.float64]
Polygon = tuple[Ring, ...]
"""The outer ring, then the holes."""

AT_ONCE = 1 << 17
"""Samples that are followed at once; of so many each may be a piece of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Samples of one label that hang together over faces.

    Args:
        label: The number in the map.
        polygon: The outer ring and the holes, rows and columns in index coordinates.
        first: Row and column of the first sample in reading order.
        last: The last row.
        samples: How many.
        centre: The mean row and column of the samples.
    """

    label: int
    polygon: Polygon
    first: tuple[int, int]
    last: int
    samples: int
    centre: tuple[float, float]


class Tracing:
    """The pieces of a label map whose rows come one after the other; a piece is given when no further row can belong to it.

    What comes does not depend on how many rows come at once: pieces are in the order of their last row, then of their first
    sample; rings begin at their first corner in reading order. Kept are the corners of pieces that are still open.

    >>> tracing = Tracing(2)
    >>> [len(tracing.add(np.array([row]))) for row in ([1, 0], [1, 2], [1, 0])]
    [0, 0, 1]
    >>> [(piece.label, piece.samples) for piece in tracing.close()]
    [(1, 3)]
    """

    def __init__(self, columns: int) -> None:
        """No rows yet."""
        self._front = Front(columns)
        self._rings: list[list[Ring]] = []

    def add(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> list[Piece]:
        """The pieces that end above the last of the next rows ``(n, columns)``; labels are above 0, 0 is outside of all."""
        step = max(1, AT_ONCE // (self._front.columns + 1))
        found: list[Piece] = []
        for start in range(0, len(rows), step):
            found += self._take(np.ascontiguousarray(rows[start : start + step], dtype=np.int64))
        return found

    def close(self) -> list[Piece]:
        """The pieces that the last row ended."""
        return self._take(np.zeros((1, self._front.columns), np.int64))

    def _take(self, rows: NDArray[np.int64]) -> list[Piece]:
        front = self._front
        corners, lengths, whose, pinched = front.take(rows)
        rings: dict[int, list[Ring]] = {}
        for piece, mine in enumerate(self._rings):
            rings.setdefault(int(front.table[piece, PARENT]), []).extend(mine)
        stop = 0
        for piece, length, twice in zip(whose.tolist(), lengths.tolist(), pinched.tolist(), strict=True):
            start, stop = stop, stop + length
            walk = corners[start:stop]
            rings.setdefault(piece, []).extend(ring.astype(np.float64) - 0.5 for ring in (_apart(walk) if twice else [walk]))
        table = front.table
        kept = front.keep()
        self._rings = [rings.pop(piece, []) for piece in kept.tolist()]
        ended = np.array(sorted(rings), dtype=np.int64)
        order = np.lexsort((table[ended, FIRST_COLUMN], table[ended, FIRST_ROW], table[ended, LAST_ROW]))
        return [_piece(table[k], rings[int(k)]) for k in ended[order]]


def pieces(labels: NDArray[np.integer] | NDArray[np.bool_]) -> list[Piece]:
    """The pieces of a label map ``(rows, columns)`` of numbers above 0; see :class:`Tracing`."""
    tracing = Tracing(labels.shape[1])
    return [*tracing.add(labels), *tracing.close()]


def together(found: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces of each label, the labels in ascending order."""
    by_label: dict[int, list[Piece]] = {}
    for piece in found:
        by_label.setdefault(piece.label, []).append(piece)
    yield from (by_label[label] for label in sorted(by_label))


def outline(mask: NDArray[np.bool_]) -> list[Polygon]:
    """The polygons around the pieces of a mask ``(rows, columns)`` that hang together over faces.

    Rings are ``(n, 2)`` rows and columns in index coordinates, so that the sample ``(0, 0)`` is the square from -.5 to .5;
    only corners are kept, and the first one is not repeated. Filling them by even-odd gives the mask again. Outer rings run
    clockwise as pictures are shown, holes the other way round; rings touch in single points at most, never themselves.

    >>> [ring.tolist() for ring in outline(np.array([[True, True]]))[0]]
    [[[-0.5, -0.5], [-0.5, 1.5], [0.5, 1.5], [0.5, -0.5]]]
    """
    return [piece.polygon for piece in sorted(pieces(mask), key=lambda piece: piece.first)]


def area(ring: Ring) -> float:
    """The signed area of a ring of rows and columns: positive where it runs clockwise as pictures are shown."""
    row, column = ring[:, 0], ring[:, 1]
    return float(column[:-1] @ row[1:] - row[:-1] @ column[1:] + column[-1] * row[0] - row[-1] * column[0]) / 2


def _piece(told: NDArray[np.int64], rings: list[Ring]) -> Piece:
    # The outer ring begins in the first of all corners; holes are in reading order.
    rings = sorted(rings, key=lambda ring: tuple(ring[0].tolist())) if len(rings) > 1 else rings
    n = int(told[SAMPLES])
    return Piece(
        label=int(told[LABEL]),
        polygon=tuple(rings),
        first=(int(told[FIRST_ROW]), int(told[FIRST_COLUMN])),
        last=int(told[LAST_ROW]),
        samples=n,
        centre=(int(told[ROWS]) / n, int(told[COLUMNS]) / n),
    )


def _apart(walk: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """A closed walk as rings that pass no corner twice."""
    keys = (walk[:, 0] << 32 | walk[:, 1]).tolist()
    if len(set(keys)) == len(keys):
        return [walk]
    rings, stack, place = [], list[int](), dict[int, int]()
    for i, key in enumerate(keys):
        if key in place:
            first = place[key]
            rings.append(_from_first(walk[stack[first:]]))
            for gone in stack[first:]:
                del place[keys[gone]]
            del stack[first:]
        place[key] = len(stack)
        stack.append(i)
    return [*rings, _from_first(walk[stack])]


def _from_first(ring: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same ring from its first corner in reading order on."""
    return np.roll(ring, -int((ring[:, 0] << 32 | ring[:, 1]).argmin()), axis=0)
