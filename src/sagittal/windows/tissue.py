"""Tiles that lie on tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import UsageError
from sagittal.ops.positions import Positions
from sagittal.ops.tissue import Tissue
from sagittal.windows._random import Room, check_share
from sagittal.windows._windowing import Cover, Windowing, check_blend, check_overlap, sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class _TissueTiles:
    """Tiles of a grid of which enough is tissue, once :meth:`on` has told where that is; all of them before."""

    one: ClassVar[bool] = False
    thin: ClassVar[None] = None

    tiles: Cover
    least: float
    per_case: int
    on_object: float
    tissue: Tissue | None = None
    _found: dict[tuple[int, ...], list[Window]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def fixed(self) -> bool:
        return self.per_case == 0

    def on(self, tissue: Tissue) -> _TissueTiles:
        """The same, for a case whose tissue is known."""
        return replace(self, tissue=tissue, _found={})

    def draws(self, grid: Geometry) -> int:
        return self.per_case or len(self.cover(grid))

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, where: Positions | None) -> Window:
        found = self.cover(grid)
        if self.fixed:
            return found[index]
        room = Room.on(grid, self.tiles.of(grid))
        held = where.draw(rng, by="class") if where is not None and rng.random() < self.on_object else None
        if held is not None:
            return room.around(held, rng)
        tile = found[int(rng.integers(len(found)))]
        return room.around([a + s // 2 for a, s in zip(tile.start, tile.size, strict=True)], rng)

    def cover(self, grid: Geometry) -> list[Window]:
        if grid.shape not in self._found:
            self._found[grid.shape] = self._on_tissue(grid, self.tiles.windows(grid))
        return self._found[grid.shape]

    def _on_tissue(self, grid: Geometry, windows: list[Window]) -> list[Window]:
        """Those with enough tissue; the fullest one where none has."""
        if self.tissue is None:
            return windows
        shares = [self.tissue.share(grid.at(w)) for w in windows]
        kept = [w for w, share in zip(windows, shares, strict=True) if share > 0 and share >= self.least]
        return kept or [windows[int(np.argmax(shares))]]


def tissue(
    *,
    size: int | Sequence[int] = 256,
    overlap: float = 0.0,
    share: float = 0.1,
    per_case: int = 0,
    on_object: float = 0.5,
    blend: str = "gaussian",
) -> Windowing:
    """Tiles side by side where at least a share is tissue; what lies beside tissue is background and is not looked at.

    Tissue is told from glass in an overview of each image (:func:`sagittal.ops.tissue.tissue_of`). An image without any
    gives the one tile that has most.

    Args:
        size: Samples along each axis; one number for all axes.
        overlap: The least share of a tile that it has in common with the next one.
        share: Of a tile that must be tissue.
        per_case: Tiles of an epoch drawn from each case, at random places on tissue; 0 takes every tile, each epoch the same.
        on_object: Of drawn tiles, the share that lies on something that was annotated, where the task has that.
        blend: How overlapping tiles of an answer are weighted: ``gaussian`` or ``constant``.

    Raises:
        UsageError: An option means nothing.

    >>> len(tissue(size=64).cover(Geometry.picture((128, 192))))
    6
    """
    if isinstance(per_case, bool) or not isinstance(per_case, int) or per_case < 0:
        raise UsageError("WINDOW_COUNT", "windows.per_case", f"{per_case!r} is no number of windows", "give a whole number, or 0 for all")
    tiles = Cover(size=sizes(size), overlap=check_overlap(overlap), blend=check_blend(blend))
    return _TissueTiles(
        tiles=tiles,
        least=check_share(share, "windows.share"),
        per_case=per_case,
        on_object=check_share(on_object, "windows.on_object"),
    )
