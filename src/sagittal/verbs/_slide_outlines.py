"""Outlines of an answer to a slide, written while its rows come."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.io import atomic
from sagittal.io.writers._features import Feature, Sheet
from sagittal.io.writers.geojson import Features
from sagittal.io.writers.svg import Shapes
from sagittal.ops.outline import Piece, Tracing
from sagittal.verbs._outlined import sample_um2

SUFFIXES = (".geojson", ".svg")


class Outlines:
    """The pieces of classes, or objects, as outlines in the pixels of the slide's finest level.

    A piece is written when no further row can belong to it; only those that are still open are in memory. The files do not
    depend on how many rows come at once.
    """

    def __init__(self, folder: Path, labels: Labels, slide: Geometry) -> None:
        """Nothing yet.

        Args:
            folder: Where the files grow.
            labels: The classes.
            slide: Its grid.
        """
        self._folder, self._labels, self._slide = folder, labels, slide
        self._open = contextlib.ExitStack()
        self._waiting: dict[int, list[Piece]] = {}
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def begin(self, grid: Geometry) -> None:
        """Start new files for a map on this grid; what an earlier attempt left of them goes."""
        self._open.close()
        self._sheet = Sheet(labels=self._labels, place=grid.index_map(self._slide))
        self._tracing = Tracing(grid.shape[1])
        with atomic.storage(self._folder):
            files = [self._open.enter_context((self._folder / f"outlines{suffix}").open("wb")) for suffix in SUFFIXES]
            self._geojson = Features(file=files[0], sample_um2=sample_um2(grid))
            self._svg = Shapes(file=files[1], shape=self._slide.shape)

    def add(self, rows: NDArray[Any]) -> None:
        """The next rows of class indices."""
        self._write([self._one(piece) for piece in self._tracing.add(self._sheet.numbered(rows))])

    def add_objects(self, rows: NDArray[np.integer], classes: Mapping[int, int]) -> None:
        """The next rows of numbers of objects, and the class of each; samples of an object touch at corners at least."""
        for piece in self._tracing.add(rows):
            self._waiting.setdefault(piece.label, []).append(piece)
        still = set(np.unique(rows[-1]).tolist())
        self._write_objects([n for n in self._waiting if n not in still], classes)

    def end(self, classes: Mapping[int, int] | None = None) -> None:
        """All rows were added."""
        last = self._tracing.close()
        if classes is None:
            self._write([self._one(piece) for piece in last])
        else:
            for piece in last:
                self._waiting.setdefault(piece.label, []).append(piece)
            self._write_objects(list(self._waiting), classes)
        with atomic.storage(self._folder):
            self._geojson.end()
            self._svg.end()
        self._open.close()

    def written(self, out: Path, stem: str) -> dict[str, str]:
        """Put the ended files at their places; gives their names."""
        for suffix in SUFFIXES:
            with atomic.writing(out / f"{stem}{suffix}") as file, (self._folder / f"outlines{suffix}").open("rb") as made:
                shutil.copyfileobj(made, file)
        return {suffix[1:]: f"{stem}{suffix}" for suffix in SUFFIXES}

    def _one(self, piece: Piece) -> Feature:
        return self._sheet.feature([piece], piece.label - 1)

    def _write_objects(self, numbers: Sequence[int], classes: Mapping[int, int]) -> None:
        """Objects of which nothing is to come: by their last row, then by their number, which follows their first sample."""
        ended = sorted((max(p.last for p in self._waiting[n]), n) for n in numbers)
        self._write([self._sheet.feature(self._waiting.pop(n), classes[n], n) for _, n in ended])

    def _write(self, found: Sequence[Feature]) -> None:
        self.counts.update(feature.name for feature in found)
        with atomic.storage(self._folder):
            self._geojson.add(found)
            self._svg.add(found)
