"""Answers to slides as files that grow while they are computed, and go on where a killed prediction left them."""

from __future__ import annotations

import csv
import hashlib
import io as text_io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.core.window import Window
from sagittal.io import atomic
from sagittal.io.writers._pyramid import write_pyramid
from sagittal.verbs._drawn import safe_name

if TYPE_CHECKING:
    from sagittal.engine.infer import Predictor
    from sagittal.engine.streaming import Job

LONGEST = 1024
"""Samples along the longer side of the heat map."""

BAND = 256
"""Rows that are read at once when a finished answer is counted."""


def streams(predictor: Predictor, image: Image) -> bool:
    """Whether a source is answered while it is written: a slide of which every sample gets a class."""
    return image.tiled and predictor.dense and predictor.task.samplewise and predictor.task.regrid and predictor.plan.unit == "case"


def answer_slide(predictor: Predictor, name: str, image: Image, *, source: str, out: Path, overlay: bool) -> dict[str, Any]:
    """Answer a slide into files of its own; gives their names, the areas and the numbers of tiles.

    ``NAME.tif`` holds the codes of the classes in a pyramid of tiles, in the slide's own world; ``NAME_tiles.csv`` what each
    tile was given; ``NAME_heat.png`` the probability of what is looked for on a thumbnail; ``NAME.json`` what the codes mean and
    how large the areas are. Until they are whole, what is done lies in ``.NAME.part``.
    """
    from sagittal.engine.streaming import stream

    labels, stem = predictor.plan.labels, safe_name(name)
    parts = Parts(folder=out / f".{stem}.part", labels=labels, identity=_identity(predictor, source, image))
    job = stream(predictor, name, image, parts)
    codes = np.array([labels.code(c) for c in labels.classes])
    table = codes.astype(np.uint8 if codes.min() >= 0 and codes.max() < 256 else np.int16)
    rows = parts.rows_of("answer")
    mpp = _mpp(job.grid)
    path = out / f"{stem}.tif"
    write_pyramid(path, lambda a, b: table[rows(a, b)], job.grid.shape, mpp=mpp, levels=8, dtype=table.dtype)
    areas = _areas(rows, job.grid, labels)
    files = {"answer": path.name, "tiles": f"{stem}_tiles.csv", "legend": f"{stem}.json"}
    atomic.write_bytes(out / files["tiles"], (parts.folder / "tiles.csv").read_bytes())
    classes = [{"name": c, "code": labels.code(c), "colour": labels.colour(c), **areas[c]} for c in labels.classes]
    head = {"format": "sagittal-label-map", "version": 1, "classes": classes, "background": labels.background}
    tiles = {"tiles": job.windows[0], "tiles_on_tissue": job.windows[2], "micrometres": mpp}
    atomic.write_json(out / files["legend"], {**head, **tiles, "model": dict(predictor.provenance), "notice": "Not a medical device."})
    if overlay:
        files |= _pictures(image, parts, job, labels, out=out, stem=stem)
    shutil.rmtree(parts.folder, ignore_errors=True)
    return {**files, "areas": areas}


@dataclass(kw_only=True)
class Parts:
    """What is finished of an answer: raw rows on disk, and how many of them count.

    Args:
        folder: Made when it begins; one of another model, slide or grid is thrown away.
        labels: The classes.
        identity: Of the model and the slide.
    """

    folder: Path
    labels: Labels
    identity: Mapping[str, Any]
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
            for name in ("answer", "chance"):
                file = self.folder / f"{name}.raw"
                file.touch()
                os.truncate(file, done * self.shape[1])
            self._known_tiles()
        self._job = told
        return done

    def tile(self, window: Window, means: NDArray[np.float32]) -> None:
        """Append a tile's mean scores, unless an earlier attempt did."""
        if window.start in self._tiles:
            return
        self._tiles.add(window.start)
        row = [window.start[1], window.start[0], window.size[1], window.size[0], *(f"{v:.6f}" for v in means)]
        with atomic.storage(self.folder), (self.folder / "tiles.csv").open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(row)

    def rows(self, start: int, answer: NDArray[Any], scores: NDArray[np.float32]) -> None:
        """Append rows; they count once they are on the disk."""
        ground = self.labels.index(self.labels.background) if self.labels.background is not None else -1
        wanted = self.labels.index(self.labels.positive) if self.labels.positive is not None else -1
        chance = scores[wanted] if wanted >= 0 else 1 - scores[ground] if ground >= 0 else scores.max(axis=0)
        with atomic.storage(self.folder):
            for name, values in (("answer", answer), ("chance", np.rint(np.clip(chance, 0, 1) * 255))):
                with (self.folder / f"{name}.raw").open("ab") as file:
                    file.write(np.ascontiguousarray(values, dtype=np.uint8).data)
                    file.flush()
                    os.fsync(file.fileno())
            self._kept({"job": self._job, "rows": start + len(answer)})

    def rows_of(self, name: str) -> Any:
        """What reads rows ``start`` to ``stop`` of ``answer`` or ``chance``."""

        def read(start: int, stop: int) -> NDArray[np.uint8]:
            count = (stop - start) * self.shape[1]
            found = np.fromfile(self.folder / f"{name}.raw", np.uint8, count, offset=start * self.shape[1])
            return found.reshape(stop - start, self.shape[1])

        return read

    def _state(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        enough = all((self.folder / f"{n}.raw").exists() for n in ("answer", "chance"))
        size = int(found.get("rows", 0)) * self.shape[1]
        return found if enough and all((self.folder / f"{n}.raw").stat().st_size >= size for n in ("answer", "chance")) else {}

    def _kept(self, state: Mapping[str, Any]) -> None:
        atomic.write_json(self.folder / "state.json", dict(state))

    def _head(self) -> None:
        names = [f"p:{c}" for c in self.labels.classes]
        (self.folder / "tiles.csv").write_text(_line(["x", "y", "width", "height", *names]), encoding="utf-8")

    def _known_tiles(self) -> None:
        """Tiles of an earlier attempt; a last line that was cut off is dropped."""
        path = self.folder / "tiles.csv"
        whole = path.read_text(encoding="utf-8")
        kept = whole[: whole.rfind("\n") + 1]
        if kept != whole:
            path.write_text(kept, encoding="utf-8")
        for row in list(csv.reader(text_io.StringIO(kept)))[1:]:
            self._tiles.add((int(row[1]), int(row[0])))


def _line(cells: Sequence[str]) -> str:
    out = text_io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _identity(predictor: Predictor, source: str, image: Image) -> dict[str, Any]:
    """Of what an answer depends on: another model, another file or another way to look at it begins anew."""
    path = Path(source.split("::", 1)[0])
    state = path.stat() if path.exists() else None
    file = "" if state is None else f"{state.st_size}:{state.st_mtime_ns}"
    weights = hashlib.sha256()
    for member in predictor.members:
        for name, value in sorted(member.state_dict().items()):
            weights.update(name.encode())
            weights.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).tobytes())
    how = json.dumps([predictor.plan.preparation.record(), predictor.plan.windows.name, dict(predictor.plan.windows.options)], default=str)
    return {
        "file": file,
        "slide": image.geometry.record(),
        "weights": weights.hexdigest(),
        "how": hashlib.sha256(how.encode()).hexdigest(),
        "numbers": str(predictor.numbers),
    }


def _mpp(grid: Geometry) -> tuple[float, float] | None:
    return (grid.spacing[0], grid.spacing[1]) if grid.unit == "um" else None


def _areas(rows: Any, grid: Geometry, labels: Labels) -> dict[str, dict[str, float]]:
    """Of each class: samples, and mm\N{SUPERSCRIPT TWO} where it is known how large they are."""
    counts = np.zeros(256, np.int64)
    for start in range(0, grid.shape[0], BAND):
        counts += np.bincount(rows(start, min(start + BAND, grid.shape[0])).ravel(), minlength=256)
    each = grid.cell / 1e6 if grid.unit == "um" else None
    return {
        c: {"samples": int(counts[i]), **({} if each is None else {"mm2": float(counts[i] * each)})} for i, c in enumerate(labels.classes)
    }


def _pictures(image: Image, parts: Parts, job: Job, labels: Labels, *, out: Path, stem: str) -> dict[str, str]:
    """The heat map and the outlines on a thumbnail."""
    from sagittal.ops.overview import overview
    from sagittal.report import galleries
    from sagittal.verbs._pictures import answered

    step = max(1, -(-max(job.grid.shape) // LONGEST))
    chance, answer = parts.rows_of("chance"), parts.rows_of("answer")
    shape = tuple(-(-n // step) for n in job.grid.shape)
    heat, small = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    for row in range(shape[0]):
        start, stop = row * step, min((row + 1) * step, job.grid.shape[0])
        mean = chance(start, stop).mean(axis=0)
        heat[row] = np.add.reduceat(mean, np.arange(0, len(mean), step)) / np.diff([*np.arange(0, len(mean), step), len(mean)]) / 255
        small[row] = answer(start, start + 1)[0, ::step]
    thumbnail = overview(image, longest=LONGEST)
    seen = Image.of(thumbnail.read(), thumbnail.geometry, meta=thumbnail.meta)
    at = thumbnail.geometry.shape
    index = [np.minimum((np.arange(n) + 0.5) * m / n, m - 1).astype(int) for n, m in zip(at, shape, strict=True)]
    files = {"heat": f"{stem}_heat.png", "overlay": f"{stem}_overlay.png"}
    atomic.write_bytes(out / files["heat"], galleries.overlay(seen.read(), heat[np.ix_(*index)], spacing=None))
    atomic.write_bytes(out / files["overlay"], answered(seen, small[np.ix_(*index)], labels))
    return files
