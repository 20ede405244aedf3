"""A label map that grows while windows are answered: scores live only as long as they are needed."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.core.window import Window
from sagittal.ops.regrid import Piece, Regrid
from sagittal.ops.ring import Blend, Lattice, Ring
from sagittal.ops.warp import Outside, gather
from sagittal.tasks._task import Task

Floats = NDArray[np.float32]
Finish = Callable[[Floats, Geometry], NDArray[Any]]
"""From scores ``(K, *shape)`` and the grid on which they lie to what a person reads."""

Store = Callable[[str, tuple[int, ...]], Floats]
"""Gives the array ``(K, *shape)``, all 0, that keeps the probabilities of a case."""


MOST_IN_MEMORY = 256 << 20


def in_memory(case: str, shape: tuple[int, ...]) -> Floats:
    """A store for small cases."""
    return np.zeros(shape, np.float32)


def on_disk(case: str, shape: tuple[int, ...]) -> Floats:
    """A store in a file without a name where a case has more than :data:`MOST_IN_MEMORY` bytes of probabilities."""
    if 4 * math.prod(shape) <= MOST_IN_MEMORY:
        return in_memory(case, shape)
    with tempfile.TemporaryFile(prefix="sagittal-scores-") as file:
        # The map keeps the file open; it goes with the last of its views.
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


class Drawing:
    """The answer of one case, for tasks that finish, or mark, each sample by itself.

    Slabs of scores are closed one after the other along the axis that keeps fewest of them open, brought onto the source's
    grid, finished and forgotten.
    """

    def __init__(
        self, *, finish: Finish, known: Geometry, lattice: Lattice, regrid: Regrid, walk: int, classes: int, store: Floats | None
    ) -> None:
        """Begin an empty one; see :meth:`of`."""
        self._finish, self._known, self._regrid, self._walk = finish, known, regrid, walk
        self._ring: Ring | None = Ring(lattice, margin=regrid.margin(classes))
        self._done = 0
        self._store = store
        self._answer: NDArray[Any] | None = None
        self.windows: Sequence[Window] = [_moved_back(w, walk) for w in lattice.windows]

    @classmethod
    def of(
        cls,
        *,
        task: Task,
        labels: Labels,
        grid: Geometry,
        source: Geometry,
        windows: Sequence[Window],
        blend: Blend = "gaussian",
        outside: Outside = "edge",
        store: Floats | None = None,
    ) -> Drawing | None:
        """An empty drawing; None where scores have to be kept until the end.

        Args:
            task: Finishes scores.
            labels: Their classes.
            grid: On which the windows lie.
            source: On which the answer lies.
            windows: That cover the grid; they are to be answered in the order of :attr:`windows`.
            blend: How windows are weighted.
            outside: The scores of samples off the grid.
            store: Keeps the scores on the source's grid, ``(K, *shape)``.
        """
        if not task.in_slabs or not grid.axes or not windows:
            return None
        walk = _cheapest(grid.shape, windows[0].size)
        moved = sorted((_moved(w, walk) for w in windows), key=lambda w: w.start)
        known = _first(grid, walk)
        lattice = Lattice.of(moved, known.shape, blend=blend)
        regrid = Regrid.of(known, source, outside=outside)
        if lattice is None or regrid is None:
            return None

        def finish(scores: Floats, place: Geometry) -> NDArray[Any]:
            return task.drawn(scores, labels, place)

        classes = task.head(labels, grid.axes).channels
        return cls(finish=finish, known=known, lattice=lattice, regrid=regrid, walk=walk, classes=classes, store=store)

    def add(self, window: Window, scores: Floats) -> None:
        """Take the scores ``(K, *size)`` of the next window."""
        if self._ring is None:
            raise ValueError("all windows were added")
        self._ring.add(np.moveaxis(scores, self._walk + 1, 1))
        classes = len(scores)
        for piece in self._regrid.pieces(self._done, self._ring.closed, classes=classes):
            self._draw(piece, self._ring.rows(*piece.rows))
            self._done = piece.done
        if self._done < self._regrid.wanted[0]:
            self._ring.drop(self._regrid.needed(self._done, self._ring.closed, classes=classes))
        else:
            self._ring = None

    @property
    def answer(self) -> NDArray[Any]:
        """The finished answer on the source's grid.

        Raises:
            ValueError: Windows are missing.
        """
        if self._answer is None or self._done < self._regrid.wanted[0]:
            raise ValueError("not all windows were added")
        return self._answer

    def _draw(self, piece: Piece, rows: Floats) -> None:
        place = self._known.at(Window((piece.rows[0], *[0] * (rows.ndim - 2)), rows.shape[1:]))
        if piece.through is not None:
            rows = gather(rows, piece.through, order="linear", outside=self._regrid.outside)
            place = piece.through.geometry(place)
        finished = self._finish(rows, place)
        if self._answer is None:
            shape = tuple(n for _, n in sorted(zip(self._regrid.order, self._regrid.wanted, strict=True)))
            # What lies off the grid on which the network looks is what no vote at all gives.
            nothing = self._finish(np.zeros((len(rows), *[1] * len(shape)), np.float32), place)
            self._answer = np.full(shape, nothing.flat[0], finished.dtype)
        crop = piece.crop if piece.through is None else ()
        self._regrid.turn(self._answer)[piece.into] = finished[(slice(None), *crop)]
        if self._store is not None:
            for kept, scores in zip(self._store, rows, strict=True):
                self._regrid.turn(kept)[piece.into] = scores[(slice(None), *crop)]


def _cheapest(shape: Sequence[int], size: Sequence[int]) -> int:
    """The axis along which windows close soonest; the first one unless another keeps less than half of the scores open."""
    open_share = [min(1.0, s / n) for s, n in zip(size, shape, strict=True)]
    best = min(range(len(shape)), key=lambda a: open_share[a])
    return best if 2 * open_share[best] < open_share[0] else 0


def _moved(window: Window, axis: int) -> Window:
    """The window with this axis first."""
    return Window(_ahead(window.start, axis), _ahead(window.size, axis))


def _moved_back(window: Window, axis: int) -> Window:
    return Window(_behind(window.start, axis), _behind(window.size, axis))


def _ahead(values: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (values[axis], *values[:axis], *values[axis + 1 :])


def _behind(values: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*values[1 : axis + 1], values[0], *values[axis + 1 :])


def _first(grid: Geometry, axis: int) -> Geometry:
    """The same samples with this axis first."""
    order = [axis, *(a for a in range(grid.axes) if a != axis)]
    affine = grid.affine[:, [*order, grid.axes]]
    return Geometry(shape=tuple(grid.shape[a] for a in order), affine=affine, unit=grid.unit, frame=grid.frame)
