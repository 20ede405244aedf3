"""Drawn answers as files: label maps on the source's own grid, boxes in the source's own world."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sagittal import io
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.core.prediction import Prediction
from sagittal.io import atomic
from sagittal.io.writers._pyramid import write_pyramid
from sagittal.verbs._parts import Rows, raw_rows

if TYPE_CHECKING:
    from sagittal.engine.infer import Predictor


LEVELS = 8
"""Of a pyramid, at most."""


def drawn_into(folder: Path, predictor: Predictor) -> Drawn | None:
    """What keeps each drawn answer in ``folder/labels``; None where answers are not drawn."""
    return Drawn(folder=folder / "labels", predictor=predictor) if is_drawn(predictor) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """Keeps drawn answers; see :class:`sagittal.engine.rows.Keep`.

    Args:
        folder: Where; it is made when there is one.
        predictor: The model.
    """

    folder: Path
    predictor: Predictor

    def whole(self, case: Case, prediction: Prediction) -> None:
        """Write an answer; the windows of a case are each kept under their own name."""
        with atomic.storage(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_drawn(self.predictor, prediction, self.folder)

    @contextlib.contextmanager
    def rows(self, case: Case, grid: Geometry) -> Iterator[Callable[[NDArray[Any]], object]]:
        """Write an answer that comes row by row as a pyramid, ``NAME.tif``, through a hidden file of bare values."""
        name = safe_name(case.id)
        raw = self.folder / f".{name}.part"
        with atomic.storage(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with atomic.storage(raw), raw.open("wb") as file:
                yield lambda rows: file.write(np.ascontiguousarray(rows, np.uint8).data)
            write_codes(self.folder / f"{name}.tif", raw_rows(raw, grid.shape, np.uint8), grid, self.predictor.plan.labels)
        finally:
            raw.unlink(missing_ok=True)


def is_drawn(predictor: Predictor) -> bool:
    """Whether the answers are masks or boxes."""
    plan = predictor.plan
    return predictor.task.head(plan.labels, plan.preparation.axes).dense


def extra_of(predictor: Predictor) -> tuple[str, ...]:
    """What is scored beside the classes, as the border of objects."""
    return predictor.task.apart.extra if predictor.task.apart is not None else ()


def scored(predictor: Predictor) -> tuple[str, ...]:
    """What each score of a sample is of."""
    return (*predictor.plan.labels.classes, *extra_of(predictor))


def write_drawn(predictor: Predictor, prediction: Prediction, folder: Path) -> Path:
    """Write a mask as ``.nii.gz`` or ``.png`` with the codes of the classes, or boxes as ``.json``; gives the path.

    Numbers of objects stand beside it in a file of their own, ``NAME_objects``.
    """
    name = safe_name(prediction.case)
    if not predictor.task.regrid:
        path = folder / f"{name}.json"
        atomic.write_json(path, {"format": "sagittal-boxes", "version": 1, "unit": prediction.geometry.unit, "boxes": boxes_of(prediction)})
        return path
    path = folder / f"{name}{'.nii.gz' if prediction.geometry.axes > 2 else '.png'}"
    io.write(Image.of(_coded(prediction)[None], prediction.geometry), path)
    if prediction.objects is not None:
        numbers = prediction.objects.astype(np.uint8 if prediction.objects.max(initial=0) < 256 else np.uint16)
        io.write(Image.of(numbers[None], prediction.geometry), path.with_name(path.name.replace(name, f"{name}_objects", 1)))
    return path


def write_legend(predictor: Predictor, prediction: Prediction, folder: Path) -> dict[str, str]:
    """What the numbers in a mask stand for, as ``.json`` beside it; gives its name. Boxes say it themselves."""
    if not predictor.task.regrid:
        return {}
    path, labels = folder / f"{safe_name(prediction.case)}.json", prediction.labels
    classes = [{"name": c, "code": labels.code(c), "colour": labels.colour(c)} for c in labels.classes]
    head = {"format": "sagittal-label-map", "version": 1, "classes": classes, "background": labels.background}
    atomic.write_json(path, {**head, "model": dict(prediction.provenance), "notice": "Not a medical device."})
    return {"legend": path.name}


@dataclass(slots=True)
class Kept:
    """Probabilities on disk while they are made; a file of each case appears when it is whole.

    Args:
        folder: Where they appear.
        channels: What each is of.
    """

    folder: Path
    channels: Sequence[str]
    _arrays: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def array(self, case: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """An array ``(K, *shape)`` of zeros in a hidden file."""
        with atomic.storage(self.folder):
            self._arrays[case] = np.memmap(self._file(case), dtype=np.float32, mode="w+", shape=shape)
        return self._arrays[case]

    def written(self, prediction: Prediction) -> dict[str, str]:
        """Write the case's probabilities as ``_probabilities.nii`` or ``.npy``; gives the name, where there are any."""
        found = self._arrays.pop(prediction.case, None)
        if found is None:
            return {}
        volume = prediction.geometry.axes > 2
        path = self.folder / f"{safe_name(prediction.case)}_probabilities{'.nii' if volume else '.npy'}"
        if volume:
            io.write(Image.of(found, prediction.geometry, channels=tuple(self.channels)), path)
        else:
            with atomic.writing(path) as file:
                np.save(file, found)
        self._file(prediction.case).unlink(missing_ok=True)
        return {"probabilities": path.name}

    @contextlib.contextmanager
    def cleared(self) -> Iterator[None]:
        """Nothing hidden is left, however the block ends."""
        try:
            yield
        finally:
            for case in list(self._arrays):
                del self._arrays[case]
                self._file(case).unlink(missing_ok=True)

    def _file(self, case: str) -> Path:
        return self.folder / f".{safe_name(case)}.part"


def write_codes(path: Path, rows: Rows, grid: Geometry, labels: Labels) -> None:
    """The label map of a slide with the codes of the data set's own files, in a pyramid, read row by row."""
    table = _codes(labels)
    write_pyramid(path, lambda a, b: table[rows(a, b)], grid.shape, mpp=mpp_of(grid), levels=LEVELS, dtype=table.dtype)


def mpp_of(grid: Geometry) -> tuple[float, float] | None:
    """Micrometres from sample to sample, where they are known."""
    return (grid.spacing[0], grid.spacing[1]) if grid.unit == "um" else None


def _codes(labels: Labels) -> NDArray[np.generic]:
    """The code of each class, by its index."""
    codes = np.array([labels.code(c) for c in labels.classes])
    return codes.astype(np.uint8 if codes.min() >= 0 and codes.max() < 256 else np.int16)


def _coded(prediction: Prediction) -> NDArray[np.generic]:
    """The answer in the numbers of the data set's own label files, made slice by slice: an index of 8 bytes a sample is large."""
    table = _codes(prediction.labels)
    answer = np.asarray(prediction.answer)
    stored = np.empty(answer.shape, table.dtype)
    for into, indices in zip(stored, answer, strict=True):
        into[...] = table[indices]
    return stored


def boxes_of(prediction: Prediction) -> list[dict[str, Any]]:
    """Each box with its class, its score and its corners in world units."""
    axes, classes = prediction.geometry.axes, prediction.labels.classes
    return [
        {
            "class": classes[int(row[-2])],
            "score": round(float(row[-1]), 4),
            "low": [round(float(v), 3) for v in row[:axes]],
            "high": [round(float(v), 3) for v in row[axes : 2 * axes]],
        }
        for row in np.asarray(prediction.answer, dtype=np.float64)
    ]


def safe_name(text: str) -> str:
    """A name that any file system takes; different names stay different.

    >>> safe_name("a/b 1.png")
    'a_b_1.png'
    """
    import hashlib
    import re

    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "case"
    if plain == text.replace("/", "_").replace(" ", "_") and len(plain) <= 80:
        return plain
    return f"{plain[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
