"""What every windowing offers: windows to train on, and windows that cover a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import UsageError, nearest
from sagittal.ops.positions import Positions
from sagittal.ops.ring import Blend
from sagittal.ops.tissue import Tissue
from sagittal.ops.warp import ReadMap


class Windowing(Protocol):
    """How a prepared grid is cut into what the model sees at once.

    ``one`` says that every case is one sample whatever its grid, so that no header need be read to count;
    ``fixed`` that every epoch takes the same windows, so that they have a class before they are drawn.
    """

    @property
    def one(self) -> bool: ...

    @property
    def fixed(self) -> bool: ...

    @property
    def thin(self) -> Thin | None:
        """How windows of one slice become pictures; None where the network has as many axes as the grid."""
        ...

    def draws(self, grid: Geometry) -> int:
        """How many training samples one epoch takes from a case on this grid."""
        ...

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, where: Positions | None) -> Window:
        """The window of one of these samples.

        Args:
            grid: The prepared grid of the case.
            index: Which of the ``draws``.
            rng: For random windowings.
            where: The objects of the grid, where the task has them, for windowings that look for them.
        """
        ...

    def cover(self, grid: Geometry) -> list[Window]:
        """Windows that together see every sample of the grid, for evaluation and prediction."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A windowing that looks only where there is tissue."""

    def on(self, tissue: Tissue) -> Windowing:
        """The same, for a case whose tissue is known."""
        ...


def seeing(windowing: Windowing, tissue: Tissue | None) -> Windowing:
    """The windowing of one case: where it looks only at tissue, that of the case."""
    return windowing.on(tissue) if tissue is not None and isinstance(windowing, Selective) else windowing


@dataclass(frozen=True, kw_only=True, slots=True)
class Thin:
    """Slices as pictures: a window is one sample thick, and the slices beside it are further channels.

    Args:
        axis: Across the slices.
        context: How many slices on either side the network sees with the one that it answers.
    """

    axis: int
    context: int

    @property
    def channels(self) -> int:
        """Slices that the network sees at once: so many channels each channel becomes."""
        return 2 * self.context + 1

    def seen(self, place: Geometry) -> Geometry:
        """The slice with its neighbours; beyond the ends the last one is repeated when it is read."""
        start, size = [0] * place.axes, list(place.shape)
        start[self.axis], size[self.axis] = -self.context, self.channels
        return place.at(Window(tuple(start), tuple(size)))

    def fold(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(C, ... 2 * context + 1 ...)`` to ``(C * (2 * context + 1), *plane)``: the slices of a channel stay together."""
        moved = np.moveaxis(values, self.axis + 1, 1)
        return np.ascontiguousarray(moved).reshape(-1, *moved.shape[2:])

    def flat(self, encoded: NDArray[Any]) -> NDArray[Any]:
        """What is asked of the slice, without its axis of one sample."""
        return np.squeeze(encoded, self.axis)

    def stood(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's answer ``(K, *plane)`` as that of the window, ``(K, ... 1 ...)``."""
        return np.expand_dims(scores, self.axis + 1)

    def plane(self, place: Geometry) -> Geometry:
        """A grid like the slice's own, where augmentation moves things within the plane only."""
        kept = [a for a in range(place.axes) if a != self.axis]
        spacing = [place.spacing[a] for a in kept]
        return Geometry(shape=tuple(place.shape[a] for a in kept), affine=np.diag([*spacing, 1.0]), unit=place.unit)

    def lifted(self, within: ReadMap, place: Geometry, source: Geometry) -> ReadMap:
        """A map of the plane as one of the slices of a place, read from a source."""
        n = place.axes
        kept = [a for a in range(n + 1) if a != self.axis]
        affine = np.eye(n + 1)
        affine[np.ix_(kept, kept)] = within.affine
        bend = None
        if within.field is not None:
            # Four controls along the new axis, all alike: the slices bend together.
            bend = np.repeat(np.expand_dims(np.insert(within.field, self.axis, 0.0, axis=0), self.axis + 1), 4, axis=self.axis + 1)
        return ReadMap(place.shape, place.index_map(source) @ affine, bend)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cover:
    """Windows of one size, side by side with an overlap; the last of each axis ends with the grid.

    Where they overlap, ``gaussian`` counts a window less towards its borders, ``constant`` everywhere the same.
    """

    size: tuple[int, ...]
    overlap: float = 0.0
    blend: Blend = "gaussian"

    def windows(self, grid: Geometry) -> list[Window]:
        """All windows in array order. A grid smaller than the window gets one window that reaches outside."""
        size = self.of(grid)
        starts: list[list[int]] = [[]]
        for n, s in zip(grid.shape, size, strict=True):
            starts = [[*head, at] for head in starts for at in places(n, s, self.overlap)]
        return [Window(tuple(at), size) for at in starts]

    def of(self, grid: Geometry) -> tuple[int, ...]:
        """The window size for a grid: one number means the same for every axis.

        Raises:
            UsageError: Another number of sizes than the grid has axes.
        """
        if len(self.size) not in {1, grid.axes}:
            what = f"{list(self.size)} for data of {grid.axes} axes"
            raise UsageError("WINDOW_SIZE", "windows.size", what, f"give one number, or {grid.axes}")
        return tuple(self.size) if len(self.size) == grid.axes else (self.size[0],) * grid.axes


def places(n: int, size: int, overlap: float) -> list[int]:
    """Starts of windows of ``size`` over ``n`` samples, evenly spread, overlapping at least so much.

    >>> places(10, 4, 0.0), places(3, 4, 0.5)
    ([0, 3, 6], [0])
    """
    if n <= size:
        return [-((size - n) // 2)] if n < size else [0]
    count = int(np.ceil((n - size) / max(1.0, size * (1 - overlap)))) + 1
    return [round(float(at)) for at in np.linspace(0, n - size, count)]


def sizes(size: int | Sequence[int]) -> tuple[int, ...]:
    """A size option as a tuple.

    Raises:
        UsageError: None, or one that is not a whole number of at least 1.
    """
    found = tuple(size) if isinstance(size, Sequence) else (size,)
    if not found or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in found):
        raise UsageError("WINDOW_SIZE", "windows.size", f"{size!r} is no size in samples", "give whole numbers of at least 1")
    return found


def check_overlap(overlap: float) -> float:
    """A share of a window that the next one has in common with it.

    Raises:
        UsageError: It is below 0, or 1 and above: the windows would never move on.
    """
    if not 0 <= overlap < 1:
        raise UsageError("WINDOW_OVERLAP", "windows.overlap", f"{overlap!r} is no share below 1", "give a share from 0 to below 1")
    return overlap


def check_blend(blend: str) -> Blend:
    """How overlapping windows are weighted.

    Raises:
        UsageError: There is no such way.
    """
    if blend not in get_args(Blend):
        raise UsageError("WINDOW_BLEND", "windows.blend", f"{blend!r} is no way to weight windows", nearest(blend, get_args(Blend)))
    return cast(Blend, blend)
