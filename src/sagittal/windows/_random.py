"""Windows of one size at random places, drawn by a rule; overlapping ones for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import UsageError
from sagittal.ops.positions import By, Positions
from sagittal.windows._windowing import Cover, check_blend, check_overlap, sizes

Starts = Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """Where a window can lie on a grid.

    Args:
        size: Of the window.
        free: How far its start can go along each axis; 0 where the window is as large as the grid or larger.
        pad: Its start along axes where it is larger: the grid then lies in its middle.
    """

    size: tuple[int, ...]
    free: tuple[int, ...]
    pad: tuple[int, ...]

    @classmethod
    def on(cls, grid: Geometry, size: tuple[int, ...]) -> Room:
        """The room that a grid leaves to windows of a size."""
        free = tuple(max(n - s, 0) for n, s in zip(grid.shape, size, strict=True))
        pad = tuple(-(max(s - n, 0) // 2) for n, s in zip(grid.shape, size, strict=True))
        return cls(size=size, free=free, pad=pad)

    def anywhere(self, rng: np.random.Generator) -> Window:
        """Each place is as likely."""
        return self.at([int(rng.integers(f + 1)) for f in self.free])

    def around(self, place: Sequence[int], rng: np.random.Generator) -> Window:
        """A window that holds a place, anywhere in it where the grid allows."""
        return self.at([min(max(c - int(rng.integers(s)), 0), f) for c, s, f in zip(place, self.size, self.free, strict=True)])

    def at(self, start: Starts) -> Window:
        """The window that begins there."""
        return Window(tuple(a if f else p for a, f, p in zip(start, self.free, self.pad, strict=True)), self.size)


class Rule(Protocol):
    """Where the next window lies."""

    def place(self, room: Room, rng: np.random.Generator, where: Positions) -> Window:
        """A window, where the objects of the case are known."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class OnObject:
    """A share of the windows holds a sample of an object; the others lie anywhere."""

    share: float
    by: By

    def place(self, room: Room, rng: np.random.Generator, where: Positions) -> Window:
        """Anywhere too where there is no object."""
        found = where.draw(rng, by=self.by) if rng.random() < self.share else None
        return room.anywhere(rng) if found is None else room.around(found, rng)


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomWindows:
    """A windowing that draws; the network sees windows of the same size in an answer."""

    one: ClassVar[bool] = False
    thin: ClassVar[None] = None
    fixed: ClassVar[bool] = False

    patch: Cover
    per_case: int
    rule: Rule

    def draws(self, grid: Geometry) -> int:
        return self.per_case

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, where: Positions | None) -> Window:
        room = Room.on(grid, self.patch.of(grid))
        return room.anywhere(rng) if where is None else self.rule.place(room, rng, where)

    def cover(self, grid: Geometry) -> list[Window]:
        return self.patch.windows(grid)


def random_windows(rule: Rule, *, size: int | Sequence[int], per_case: int, overlap: float, blend: str) -> RandomWindows:
    """A windowing of options as users write them.

    Raises:
        UsageError: One of them means nothing.
    """
    if isinstance(per_case, bool) or not isinstance(per_case, int) or per_case < 1:
        raise UsageError("WINDOW_COUNT", "windows.per_case", f"{per_case!r} is no number of windows", "give a whole number of at least 1")
    return RandomWindows(
        patch=Cover(size=sizes(size), overlap=check_overlap(overlap), blend=check_blend(blend)), per_case=per_case, rule=rule
    )


def check_share(share: float, option: str) -> float:
    """A share from 0 to 1.

    Raises:
        UsageError: It is another number, or none.
    """
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise UsageError("WINDOW_SHARE", option, f"{share!r} is no share", "give a number from 0 to 1")
    return float(share)
