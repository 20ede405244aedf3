"""A box of indices: a whole grid, a patch, a tile or a slice of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Window:
    """A box of indices, ``start`` included, ``start + size`` excluded.

    A window may reach outside its grid; whoever reads it pads there.

    >>> Window((2, 3), (4, 5)).slices
    (slice(2, 6, None), slice(3, 8, None))
    """

    start: tuple[int, ...]
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.start) != len(self.size) or any(s < 0 for s in self.size):
            raise ValueError(f"start={self.start} and size={self.size} do not make a window")

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Window:
        """The window that covers a grid of this shape."""
        return _whole(tuple(shape))

    @property
    def stop(self) -> tuple[int, ...]:
        """One past the last index of each axis."""
        return tuple(a + b for a, b in zip(self.start, self.size, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """For indexing an array; only meaningful inside the grid."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    def inside(self, shape: Sequence[int]) -> Window:
        """The part of this window that lies on a grid of this shape."""
        start = tuple(min(max(a, 0), n) for a, n in zip(self.start, shape, strict=True))
        stop = tuple(min(max(b, 0), n) for b, n in zip(self.stop, shape, strict=True))
        return Window(start, tuple(max(b - a, 0) for a, b in zip(start, stop, strict=True)))

    def scaled(self, factor: Sequence[float]) -> Window:
        """The window on a grid whose indices are ``factor`` times as large, rounded outwards.

        >>> Window((3,), (4,)).scaled((0.5,))
        Window(start=(1,), size=(3,))
        """
        start = tuple(int(a * f // 1) for a, f in zip(self.start, factor, strict=True))
        stop = tuple(int(-(-b * f // 1)) for b, f in zip(self.stop, factor, strict=True))
        return Window(start, tuple(b - a for a, b in zip(start, stop, strict=True)))


@lru_cache(maxsize=256)
def _whole(shape: tuple[int, ...]) -> Window:
    return Window((0,) * len(shape), tuple(int(s) for s in shape))
