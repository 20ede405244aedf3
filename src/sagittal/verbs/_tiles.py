"""What each tile of a picture or slide was given, where one answer is pooled over its tiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.io import atomic
from sagittal.io.writers.csv import as_text
from sagittal.verbs._drawn import safe_name

if TYPE_CHECKING:
    from sagittal.engine.waiting import Waiting

PLACE = ("x", "y", "width", "height")
"""Where a tile lies, in pixels of the picture or of the slide's finest level."""


@dataclass(kw_only=True, slots=True)
class Tiles:
    """Keeps the scores of tiles until their case is answered.

    Args:
        folder: Where the tables are written.
        columns: What each score is of.
    """

    folder: Path
    columns: tuple[str, ...]
    _seen: dict[str, list[tuple[Geometry, NDArray[np.float32]]]] = field(default_factory=dict)

    def add(self, case: Waiting, window: Window, scores: NDArray[np.float32]) -> None:
        """A tile of a case with its scores; nothing where they are those of samples, or the case is no picture."""
        if scores.ndim == 1 and case.grid.axes == 2:
            self._seen.setdefault(case.id, []).append((case.grid.at(window), scores))

    def written(self, case: str, picture: Geometry) -> dict[str, str]:
        """Write ``NAME_tiles.csv`` of a case that has several tiles; gives its name.

        Args:
            case: Its id.
            picture: The grid of the picture, or of the slide's finest level.
        """
        seen = self._seen.pop(case, [])
        if len(seen) < 2:
            return {}
        rows = ((*_place(tile, picture), *(round(float(v), 6) for v in scores)) for tile, scores in seen)
        name = f"{safe_name(case)}_tiles.csv"
        atomic.write_text(self.folder / name, as_text([(*PLACE, *self.columns), *rows]))
        return {"tiles": name}


def _place(tile: Geometry, picture: Geometry) -> tuple[float, ...]:
    """See :data:`PLACE`."""
    ends = tile.to_world([[-0.5, -0.5], [n - 0.5 for n in tile.shape]])
    (top, left), (bottom, right) = (picture.to_index(ends) + 0.5).tolist()
    return tuple(round(v, 2) for v in (left, top, right - left, bottom - top))
