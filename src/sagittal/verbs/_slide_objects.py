"""Objects of a slide, told apart and numbered in bounded memory from the marks that were streamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.io import atomic
from sagittal.ops.growing import Objects
from sagittal.tasks._objects import parted
from sagittal.tasks._task import Apart
from sagittal.verbs._outlined import object_row
from sagittal.verbs._parts import Rows, each_band, raw_rows


@dataclass(frozen=True, kw_only=True)
class SlideObjects:
    """All objects of a slide: numbers from 1 on in reading order of their first samples.

    Args:
        objects: What is known of them, those that are too small included.
        codes: By the number in the file, number times classes plus class.
        rows: Reads numbers of the file.
        labels: The classes.
        grid: On which they lie.
    """

    objects: Objects
    codes: NDArray[np.int32]
    rows: Rows
    labels: Labels
    grid: Geometry

    def classes(self, start: int, stop: int) -> NDArray[Any]:
        """Rows of class indices."""
        ground = 0 if self.labels.background is None else self.labels.index(self.labels.background)
        return parted(self.codes[self.rows(start, stop)], len(self.labels), ground)[0]

    def numbers(self, start: int, stop: int) -> NDArray[np.int32]:
        """Rows of the numbers of objects."""
        found: NDArray[np.int32] = (self.codes // len(self.labels))[self.rows(start, stop)]
        return found

    @property
    def class_of(self) -> dict[int, int]:
        """By number, the class."""
        codes = np.unique(self.codes[self.codes > 0])
        return dict(zip((codes // len(self.labels)).tolist(), (codes % len(self.labels)).tolist(), strict=True))

    def table(self, slide: Geometry) -> Iterator[dict[str, Any]]:
        """A row an object; see :data:`sagittal.verbs._outlined.OBJECTS`."""
        by_object = np.zeros(len(self.objects.samples) + 1, np.int64)
        by_object[self.objects.root] = self.codes
        place = self.grid.index_map(slide)
        centres = self.objects.centre @ place[:2, :2].T + place[:2, 2] + 0.5
        for code, samples, (y, x) in zip(by_object[1:].tolist(), self.objects.samples.tolist(), centres.tolist(), strict=True):
            if code:
                number, k = divmod(code, len(self.labels))
                yield object_row(number, self.labels.classes[k], samples, (x, y), self.grid)


def told_apart(apart: Apart, marks: Rows, grid: Geometry, labels: Labels, folder: Path) -> SlideObjects:
    """Number the objects in marks, row after row, through a file in the folder."""
    growing = apart.begin(grid.shape[1:], labels)
    path = folder / "numbers.raw"
    with atomic.storage(path), path.open("wb") as file:

        def take(rows: NDArray[Any]) -> None:
            for numbers in growing.add(rows):
                file.write(np.ascontiguousarray(numbers).data)

        each_band(marks, grid.shape[0], take)
        for numbers in growing.close():
            file.write(np.ascontiguousarray(numbers).data)
    objects = growing.objects()
    codes = apart.codes(objects, labels)[objects.root]
    return SlideObjects(objects=objects, codes=codes, rows=raw_rows(path, grid.shape, np.int32), labels=labels, grid=grid)
