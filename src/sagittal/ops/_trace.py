"""The edges between samples of different labels, followed line by line of a map of which a few rows are known at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.ops._jit import kernel

Integers = NDArray[np.int64]

PARENT, LABEL, FIRST_ROW, FIRST_COLUMN, LAST_ROW, SAMPLES, ROWS, COLUMNS = range(8)
"""Of a piece: the one it was found to be part of, its label, its first and last samples, how many, and the sums of their places."""


class Front:
    """All that is open after some rows: ends of chains of corners that go on below, and the pieces of the last row.

    A chain is a list of corners; every edge between two samples belongs to the sample on its right hand, so that each chain
    closes to a ring around samples of one piece. Where two pieces touch in a corner each keeps to its own samples. Of a corner
    is kept the one that follows it; of the two ends of an open chain, each other; where it lies; and whether it is pinched.
    """

    def __init__(self, columns: int) -> None:
        """Nothing is known yet."""
        self.columns, self.row, self.open = columns, 0, 0
        self.above = np.zeros(columns + 2, np.int64)
        self.pieces = np.full(columns, -1, np.int64)
        self.down, self.up = np.full(columns + 1, -1, np.int64), np.full(columns + 1, -1, np.int64)
        self.table = np.zeros((0, 8), np.int64)
        self._corners = np.zeros((0, 5), np.int64)
        self._free = np.zeros(1, np.int64)

    def take(self, rows: Integers) -> tuple[Integers, Integers, Integers, Integers]:
        """Go on over rows ``(n, columns)`` with labels above 0; 0 is outside of all.

        Returns:
            The corners ``(m, 2)`` of walks that closed, one after the other; and of each how many it has, its piece, and
            whether it may pass a corner twice. :attr:`table` then tells of all pieces, the open ones of before first.
        """
        room = len(rows) * (self.columns + 1) * 4  # four labels may meet in a corner
        self._grow(room)
        table = np.zeros((self.open + rows.size, 8), np.int64)
        table[: self.open] = self.table
        starts, whose = np.empty(room, np.int64), np.empty(room, np.int64)
        fronts = (self.above, self.pieces, self.down, self.up)
        n, rings = _take(rows, self.row, self.open, *fronts, table, self._corners, self._free, starts, whose)
        self.row += len(rows)
        self.table = table[:n]
        lengths, pinched = np.empty(rings, np.int64), np.zeros(rings, np.int64)
        corners = np.empty((_measured(starts[:rings], self._corners, lengths, pinched), 2), np.int64)
        _collected(starts[:rings], self._corners, self._free, corners)
        return corners, lengths, _resolved(self.table, whose[:rings].copy()), pinched

    def keep(self) -> Integers:
        """Forget all pieces but those of the last row; gives the old places of those that are kept."""
        kept, places = np.unique(self.pieces[self.pieces >= 0], return_inverse=True)
        roots = self.table[kept, PARENT]
        open_roots, again = np.unique(roots, return_inverse=True)
        self.pieces[self.pieces >= 0] = again[places]
        self.table = self.table[open_roots]
        self.table[:, PARENT] = np.arange(len(open_roots))
        self.open = len(open_roots)
        return open_roots

    def _grow(self, room: int) -> None:
        """Make sure that so many corners are free."""
        free, size = int(self._free[0]), len(self._corners)
        if free >= room:
            return
        more = max(room - free, size // 2)
        self._corners = np.concatenate([self._corners, np.zeros((more, 5), np.int64)])
        stack = np.empty(1 + size + more, np.int64)
        stack[0], stack[1 : free + 1] = free + more, self._free[1 : free + 1]
        stack[free + 1 : free + 1 + more] = np.arange(size, size + more)
        self._free = stack


@kernel
def _root(table: Any, piece: Any) -> Any:
    while table[piece, PARENT] != piece:
        table[piece, PARENT] = table[table[piece, PARENT], PARENT]
        piece = table[piece, PARENT]
    return piece


@kernel
def _corner(corners: Any, free: Any, at: Any) -> Any:
    """A new corner that is a chain by itself: its row, its column, and whether samples of one label touch only in it."""
    node = free[free[0]]
    free[0] -= 1
    corners[node, 0], corners[node, 1] = -1, node
    corners[node, 2], corners[node, 3], corners[node, 4] = at
    return node


@kernel
def _ahead(corners: Any, head: Any, node: Any) -> Any:
    """Put a corner behind the last one of a chain."""
    tail = corners[head, 1]
    corners[head, 0] = node
    corners[node, 1], corners[tail, 1] = tail, node
    return node


@kernel
def _behind(corners: Any, tail: Any, node: Any) -> Any:
    """Put a corner before the first one of a chain."""
    head = corners[tail, 1]
    corners[node, 0] = tail
    corners[node, 1], corners[head, 1] = head, node
    return node


@kernel
def _joined(corners: Any, head: Any, tail: Any) -> Any:
    """Let a chain go on with another; whether it is the same, and a ring."""
    first, last = corners[head, 1], corners[tail, 1]
    corners[head, 0] = tail
    if first == tail:
        return True
    corners[first, 1], corners[last, 1] = last, first
    return False


@kernel
def _numbered(row: Any, i: Any, n: Any, above: Any, pieces: Any, table: Any) -> Any:
    """The pieces of a row that hang together over faces, from those of the row above; gives how many pieces there are."""
    left = -1
    for j in range(row.size):
        label = row[j]
        if label == 0:
            pieces[j] = left = -1
            continue
        over = pieces[j] if above[j + 1] == label else -1
        if left >= 0 and row[j - 1] == label:
            if over >= 0:
                a, b = _root(table, left), _root(table, over)
                if a < b:
                    table[b, PARENT] = a
                elif b < a:
                    table[a, PARENT] = b
        elif over >= 0:
            left = over
        else:
            left = n
            table[n, PARENT], table[n, LABEL], table[n, FIRST_ROW], table[n, FIRST_COLUMN] = n, label, i, j
            n += 1
        pieces[j] = left
        table[left, LAST_ROW] = i
        table[left, SAMPLES] += 1
        table[left, ROWS] += i
        table[left, COLUMNS] += j
    return n


@kernel
def _arrived(around: Any, ends: Any, at: Any, corners: Any, free: Any) -> Any:
    """Where edges that come from above and from the left go on: down, to the right, or into an open chain.

    Returns:
        The ends of chains that go down and to the right, and a corner of a ring that closed around a, and around c; or -1.
    """
    a, b, c, d = around
    head, coming, tail, going = ends
    down, right, around_a, around_c = -1, -1, -1, -1
    if a and a != b:
        if c != a:
            last = _ahead(corners, head, _corner(corners, free, at))
            around_a = last if _joined(corners, last, going) else -1
        elif d != a:
            down = head
        else:
            right = _ahead(corners, head, _corner(corners, free, at))
    if c and c != a:
        if d != c:
            down = _ahead(corners, coming, _corner(corners, free, at))
        elif b != c:
            right = coming
        else:
            last = _ahead(corners, coming, _corner(corners, free, at))
            around_c = last if _joined(corners, last, tail) else -1
    return down, right, around_a, around_c


@kernel
def _begun(around: Any, ends: Any, at: Any, corners: Any, free: Any, down: Any, right: Any) -> Any:
    """Where edges that will come from below and from the right go on: up, to the left, or as chains that begin here.

    Returns:
        The ends of chains that go down and to the right, and the beginnings of those that come up and from the right.
    """
    a, b, c, d = around
    _, _, tail, going = ends
    up, left = -1, -1
    if d and d != c:
        if b != d:
            up = right = _corner(corners, free, at)
        elif a != d:
            up = tail
        else:
            up = _behind(corners, going, _corner(corners, free, at))
    if b and b != d:
        if a != b:
            left = _behind(corners, tail, _corner(corners, free, at))
        elif c != b:
            left = going
        else:
            left = down = _corner(corners, free, at)
    return down, right, up, left


@kernel
def _take(
    rows: Any, top: Any, n: Any, above: Any, pieces: Any, down: Any, up: Any, table: Any, corners: Any, free: Any, starts: Any, whose: Any
) -> Any:
    """Follow the edges at the upper line of each row, corner by corner, from what is known of the line before.

    Around a corner lie the samples a, b above and c, d below. Edges that come down or from the left end in it with a known
    last corner (``down``, ``right``); those that leave it upwards or to the left have a known first one (``up``, ``left``).
    """
    rings = 0
    before = pieces.copy()
    for r in range(rows.shape[0]):
        before[:] = pieces
        n = _numbered(rows[r], top + r, n, above, pieces, table)
        right = left = -1
        c = 0
        for j in range(rows.shape[1] + 1):
            a, b = above[j], above[j + 1]
            d = rows[r, j] if j < rows.shape[1] else 0
            if a != b or c != d or a != c:
                around, ends = (a, b, c, d), (down[j], right, up[j], left)
                at = (top + r, j, int((a and a == d and a != b) or (b and b == c and b != a)))
                down[j], right, around_a, around_c = _arrived(around, ends, at, corners, free)
                down[j], right, up[j], left = _begun(around, ends, at, corners, free, down[j], right)
                if around_a >= 0:
                    starts[rings], whose[rings] = around_a, before[j - 1]
                    rings += 1
                if around_c >= 0:
                    starts[rings], whose[rings] = around_c, pieces[j - 1]
                    rings += 1
            c = d
        above[1:-1] = rows[r]
    return n, rings


@kernel
def _measured(starts: Any, corners: Any, lengths: Any, pinched: Any) -> Any:
    total = 0
    for k in range(starts.size):
        node, lengths[k], pinched[k] = corners[starts[k], 0], 1, corners[starts[k], 4]
        while node != starts[k]:
            lengths[k] += 1
            pinched[k] |= corners[node, 4]
            node = corners[node, 0]
        total += lengths[k]
    return total


@kernel
def _collected(starts: Any, corners: Any, free: Any, into: Any) -> None:
    """Copy rings, each from its first corner in reading order on, and give their corners back."""
    n = 0
    for k in range(starts.size):
        first = node = starts[k]
        while True:
            node = corners[node, 0]
            if corners[node, 2] < corners[first, 2] or (corners[node, 2] == corners[first, 2] and corners[node, 3] < corners[first, 3]):
                first = node
            if node == starts[k]:
                break
        node = first
        while True:
            into[n, 0], into[n, 1] = corners[node, 2], corners[node, 3]
            n += 1
            free[0] += 1
            free[free[0]] = node
            node = corners[node, 0]
            if node == first:
                break


@kernel
def _resolved(table: Any, whose: Any) -> Any:
    """Bring what is known of pieces to the ones they are part of, and the pieces of rings likewise."""
    for piece in range(table.shape[0]):
        root = _root(table, piece)
        table[piece, PARENT] = root
        if root != piece:
            if table[piece, FIRST_ROW] < table[root, FIRST_ROW] or (
                table[piece, FIRST_ROW] == table[root, FIRST_ROW] and table[piece, FIRST_COLUMN] < table[root, FIRST_COLUMN]
            ):
                table[root, FIRST_ROW], table[root, FIRST_COLUMN] = table[piece, FIRST_ROW], table[piece, FIRST_COLUMN]
            table[root, LAST_ROW] = max(table[root, LAST_ROW], table[piece, LAST_ROW])
            for k in (SAMPLES, ROWS, COLUMNS):
                table[root, k] += table[piece, k]
    for k in range(whose.size):
        whose[k] = table[whose[k], PARENT]
    return whose
