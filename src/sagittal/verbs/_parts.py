"""What is finished of an answer to a slide, on disk: a killed prediction goes on from there."""

from __future__ import annotations

import csv
import io as text_io
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.core.window import Window
from sagittal.io import atomic
from sagittal.io.writers.csv import as_text

if TYPE_CHECKING:
    from sagittal.engine.streaming import Job

BAND = 256
"""Rows of a finished answer that are read at once."""

Rows = Callable[[int, int], NDArray[Any]]
"""Reads rows ``start`` to ``stop``."""


class Follower(Protocol):
    """Makes something of rows while they come."""

    def begin(self, grid: Geometry) -> None:
        """No rows yet; the folder of the parts is there."""
        ...

    def add(self, rows: NDArray[Any]) -> None:
        """The next rows."""
        ...


@dataclass(kw_only=True)
class Parts:
    """What is finished of an answer: raw rows on disk, and how many of them count.

    Args:
        folder: Made when it begins; one of another model, slide or grid is thrown away.
        labels: The classes.
        identity: Of the model and the slide.
        extra: Names of the scores after those of the classes.
        follower: Gets all rows, also those of an earlier attempt again.
    """

    folder: Path
    labels: Labels
    identity: Mapping[str, Any]
    extra: Sequence[str] = ()
    follower: Follower | None = None
    shape: tuple[int, ...] = ()
    _tiles: set[tuple[int, ...]] = field(default_factory=set)

    def begin(self, job: Job) -> int:
        """How many rows are there; the files are cut to just those."""
        self.shape = job.grid.shape
        told = {"format": "sagittal-part", "version": 1, **self.identity, **job.record()}
        with atomic.storage(self.folder):
            state = self._state()
            if state.get("job") != json.loads(json.dumps(told)):
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir(parents=True)
                state = {"job": told, "rows": 0}
                self._kept(state)
                self._head()
            done = int(state["rows"])
            for file in self._files():
                file.touch()
                os.truncate(file, done * self.shape[1])
            self._known_tiles()
        self._job = told
        if self.follower is not None:
            self.follower.begin(job.grid)
            each_band(self.answer, done, self.follower.add)
        return done

    def tile(self, window: Window, means: NDArray[np.float32]) -> None:
        """Append a tile's mean scores, unless an earlier attempt did."""
        if window.start in self._tiles:
            return
        self._tiles.add(window.start)
        row = [window.start[1], window.start[0], window.size[1], window.size[0], *(f"{v:.6f}" for v in means)]
        with atomic.storage(self.folder), (self.folder / "tiles.csv").open("a", encoding="utf-8", newline="") as file:
            file.write(as_text([row]))

    def rows(self, start: int, answer: NDArray[Any], scores: NDArray[np.float32]) -> None:
        """Append rows; they count once they are on the disk."""
        # one after the other: all of them together are several times the size of the scores
        kept = (np.rint(np.clip(scores[k], 0, 1) * 255) for k in wanted(self.labels, self.extra))
        with atomic.storage(self.folder):
            for path, values in zip(self._files(), itertools.chain([answer], kept), strict=True):
                with path.open("ab") as file:
                    file.write(np.ascontiguousarray(values, dtype=np.uint8).data)
                    file.flush()
                    os.fsync(file.fileno())
            self._kept({"job": self._job, "rows": start + len(answer)})
            if self.follower is not None:
                self.follower.add(answer)

    @property
    def answer(self) -> Rows:
        """What reads rows of the answer."""
        return raw_rows(self._files()[0], self.shape, np.uint8)

    @property
    def shares(self) -> Rows:
        """What reads rows of the scores of all but the background, to a 255th."""
        each = [raw_rows(path, self.shape, np.uint8) for path in self._files()[1:]]

        def read(start: int, stop: int) -> NDArray[Any]:
            return np.stack([one(start, stop) for one in each]).astype(np.float32) / 255

        return read

    def _files(self) -> list[Path]:
        """Of the answer, and of each score that is kept."""
        scores = [f"score-{k}.raw" for k in wanted(self.labels, self.extra)]
        return [self.folder / name for name in ("answer.raw", *scores)]

    def _state(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict) or not isinstance(found.get("rows"), int):
            return {}
        size = found["rows"] * self.shape[1]
        return found if all(path.exists() and path.stat().st_size >= size for path in self._files()) else {}

    def _kept(self, state: Mapping[str, Any]) -> None:
        atomic.write_json(self.folder / "state.json", dict(state))

    def _head(self) -> None:
        names = [f"p:{c}" for c in (*self.labels.classes, *self.extra)]
        (self.folder / "tiles.csv").write_text(as_text([["x", "y", "width", "height", *names]]), encoding="utf-8")

    def _known_tiles(self) -> None:
        """Tiles of an earlier attempt; a last line that was cut off is dropped."""
        path = self.folder / "tiles.csv"
        whole = path.read_text(encoding="utf-8")
        kept = whole[: whole.rfind("\n") + 1]
        if kept != whole:
            path.write_text(kept, encoding="utf-8")
        for row in list(csv.reader(text_io.StringIO(kept)))[1:]:
            self._tiles.add((int(row[1]), int(row[0])))


def wanted(labels: Labels, extra: Sequence[str] = ()) -> list[int]:
    """The scores that tell all of them: of each class but the background, and of what is scored beside the classes.

    >>> wanted(Labels(classes=("tissue", "tumour"), background="tissue"), ("border",))
    [1, 2]
    """
    return [k for k, name in enumerate((*labels.classes, *extra)) if k >= len(labels) or name != labels.background]


def raw_rows(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Rows:
    """What reads rows of a file of bare values."""
    each = shape[1] * np.dtype(kind).itemsize

    def read(start: int, stop: int) -> NDArray[Any]:
        found = np.fromfile(path, kind, (stop - start) * shape[1], offset=start * each)
        return found.reshape(stop - start, shape[1])

    return read


def each_band(rows: Rows, count: int, take: Callable[[NDArray[Any]], object]) -> None:
    """Hand over the first so many rows, some at a time."""
    for start in range(0, count, BAND):
        take(rows(start, min(start + BAND, count)))
