"""How sure an answer drawn on a picture is: in what it outlines, over all of the picture, and where; of a slide in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.core.prediction import Prediction
from sagittal.io import atomic
from sagittal.verbs._parts import Rows, wanted

LONGEST = 1024
"""Samples along the longer side of a heat map."""

BAND_SAMPLES = 1 << 21
"""So many are looked at together; each takes some forty bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What is counted of an answer.

    Args:
        samples: By class.
        inside: By class but the background, the mean of its probability over the samples that were answered as it; None where
            there are none.
        whole: By class, and by what is scored beside classes, the mean probability over all samples.
    """

    samples: Mapping[str, int]
    inside: Mapping[str, float | None]
    whole: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sure:
    """An answer and its probabilities, row by row.

    Args:
        rows: Reads class indices.
        shares: Reads the probabilities ``(C, rows, columns)`` of all classes but the background, then of what is scored beside them.
        grid: On which they lie.
        labels: The classes.
        extra: What is scored beside classes, as the border of objects; it speaks for each class but the background.
    """

    rows: Rows
    shares: Rows
    grid: Geometry
    labels: Labels
    extra: Sequence[str] = ()

    @classmethod
    def of(cls, prediction: Prediction, *, extra: Sequence[str]) -> Sure | None:
        """Of an answer in memory; None where its probabilities were not kept."""
        labels, scores, answer = prediction.labels, prediction.scores, np.asarray(prediction.answer)
        if scores.shape != (len(labels) + len(extra), *answer.shape):
            return None
        kept = wanted(labels, extra)
        return cls(
            rows=lambda a, b: answer[a:b], shares=lambda a, b: scores[kept, a:b], grid=prediction.geometry, labels=labels, extra=extra
        )

    @property
    def shows(self) -> tuple[str, ...]:
        """The classes whose probability a heat map shows: the positive one, else all but the background."""
        labels = self.labels
        if labels.positive is not None and labels.positive != labels.background:
            return (labels.positive,)
        return tuple(c for c in labels.classes if c != labels.background)

    def tally(self) -> Tally:
        """Counts and means, band by band."""
        labels, fore = self.labels, wanted(self.labels)
        place = np.zeros(len(labels), np.intp)
        place[fore] = np.arange(len(fore))
        samples, inside = np.zeros(len(labels), np.int64), np.zeros(len(labels))
        whole = np.zeros(len(fore) + len(self.extra))
        band = max(1, min(self.grid.shape[0], BAND_SAMPLES // self.grid.shape[1]))
        for start in range(0, self.grid.shape[0], band):
            stop = min(start + band, self.grid.shape[0])
            answer, shares = np.asarray(self.rows(start, stop), np.intp), self.shares(start, stop)
            own = np.take_along_axis(self._chances(shares), place[answer][None], axis=0)[0]
            samples += np.bincount(answer.ravel(), minlength=len(labels))
            inside += np.bincount(answer.ravel(), weights=own.ravel(), minlength=len(labels))
            whole += shares.sum(axis=(1, 2), dtype=np.float64)
        means = dict(zip([labels.classes[k] for k in fore] + list(self.extra), whole / max(1, int(samples.sum())), strict=True))
        rest = {} if labels.background is None else {labels.background: max(0.0, 1.0 - sum(means.values()))}
        return Tally(
            samples=dict(zip(labels.classes, samples.tolist(), strict=True)),
            inside={labels.classes[k]: float(inside[k] / samples[k]) if samples[k] else None for k in fore},
            whole={name: float((means | rest)[name]) for name in (*labels.classes, *self.extra)},
        )

    def heat(self) -> NDArray[np.float32]:
        """The mean probability of :attr:`shows` in squares of samples, at most :data:`LONGEST` of them along a side."""
        (rows, columns), step = self.grid.shape, self._step
        ends = np.arange(0, columns, step)
        found = np.zeros((-(-rows // step), len(ends)), np.float32)
        for row in range(len(found)):
            mean = self._looked_for(self.shares(row * step, min((row + 1) * step, rows))).mean(axis=0)
            found[row] = np.add.reduceat(mean, ends) / np.diff([*ends, columns])
        return found

    def small(self) -> NDArray[np.generic]:
        """The class of the first sample of each of those squares."""
        step = self._step
        return np.stack([self.rows(row, row + 1)[0, ::step] for row in range(0, self.grid.shape[0], step)])

    @property
    def _step(self) -> int:
        return max(1, -(-max(self.grid.shape) // LONGEST))

    def _chances(self, shares: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probability of each class but the background."""
        fore = shares.shape[0] - len(self.extra)
        found: NDArray[np.float32] = np.minimum(shares[:fore] + shares[fore:].sum(axis=0), 1)
        return found

    def _looked_for(self, shares: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(self.shows) == 1:
            fore = [self.labels.classes[k] for k in wanted(self.labels)]
            found: NDArray[np.float32] = self._chances(shares)[fore.index(self.shows[0])]
        else:
            found = shares.max(axis=0) if self.labels.background is None else np.minimum(shares.sum(axis=0), 1)
        return found


def nearest(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """A map on a grid of another shape over the same field of view.

    >>> nearest(np.array([[1, 2]]), (2, 4)).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    index = [np.minimum((np.arange(n) + 0.5) * m / n, m - 1).astype(int) for n, m in zip(shape, values.shape, strict=True)]
    return values[np.ix_(*index)]


def rounded(means: Mapping[str, float | None]) -> dict[str, float | None]:
    """Means as they are written: six digits, None where undefined."""
    return {name: None if value is None else round(value, 6) for name, value in means.items()}


def write_heat(image: Image, sure: Sure, folder: Path, stem: str) -> dict[str, Any]:
    """Write ``STEM_heat.png``, the probability over the picture or over a thumbnail of the slide; gives its name and whose it is."""
    from sagittal.ops.overview import overview
    from sagittal.report import galleries

    small, file = overview(image, longest=LONGEST), f"{stem}_heat.png"
    heat = nearest(sure.heat(), small.geometry.shape)
    atomic.write_bytes(folder / file, galleries.overlay(small.read(), heat, scale=True))
    return {"heat": file, "heat_of": list(sure.shows)}
