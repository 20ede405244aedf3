"""How densely a lattice of places samples a grid, whatever steps the lattice is described by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations


def fewest(linear: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """How many samples of a grid, along each of its axes, one place of a lattice stands for: as few as the lattice allows.

    Args:
        linear: ``(n, n)``; its columns are the lattice's steps in samples of the grid.

    Returns:
        A box's sides ``(n,)``: for turns, zooms and flips how far all steps together go along each axis. A step that
        leans over several samples which other steps see too (the next of tilted thick slices) counts without them.

    >>> fewest([[1.0, 0.0], [3.1, 1.0]])
    (1.0, 1.004987562112089)
    """
    rows = [list(row) for row in linear]
    best, improved = math.inf, True
    while improved:
        improved = False
        for one, other in permutations(range(len(rows)), 2):
            length = sum([row[other] ** 2 for row in rows])
            times = round(sum([row[one] * row[other] for row in rows]) / length) if length else 0
            if times == 0:
                continue
            best = min(best, _volume(rows))
            leaner = [[v - times * row[other] if a == one else v for a, v in enumerate(row)] for row in rows]
            if _volume(leaner) < best * (1 - 1e-9):
                rows, best, improved = leaner, _volume(leaner), True
    return tuple(math.hypot(*row) for row in rows)


def _volume(rows: Sequence[Sequence[float]]) -> float:
    return math.prod(math.hypot(*row) for row in rows)
