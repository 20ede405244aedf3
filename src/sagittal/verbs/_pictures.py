"""Pictures of drawn answers: what a person drew beside what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.core.prediction import Prediction
from sagittal.data._planes import planes
from sagittal.ops.overview import overview
from sagittal.ops.resample import on_grid
from sagittal.report import galleries
from sagittal.report.planes import outlined

SLIDE_PX = 800
"""Along the longer side of a slide on which truth and answer are compared."""

LEAST_SHOWN = 0.4
"""Answered boxes with a lower score are not drawn in a picture."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """An image as people look at it: a volume upright, whatever order its axes were stored in.

    Args:
        values: ``(C, *shape)``.
        grid: On which they lie.
    """

    values: NDArray[np.generic]
    grid: Geometry

    @classmethod
    def of(cls, image: Image) -> Canvas:
        """The canvas of an image; a picture stays as it is."""
        if image.geometry.axes < 3:
            small = overview(image)
            return cls(small.read(), small.geometry)
        grid = image.geometry.upright()
        return cls(on_grid(image, grid, order="nearest"), grid)

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Of a volume."""
        return self.grid.spacing if self.grid.axes > 2 else None

    def turned(self, mask: ArrayLike, source: Geometry) -> NDArray[np.generic]:
        """Samples on the image's own grid, as they lie on the canvas."""
        stored: NDArray[np.generic] = np.asarray(mask)
        if source.same_grid(self.grid):
            return stored
        found: NDArray[np.float32] = on_grid(Image.of(stored[None], source), self.grid, order="nearest")[0]
        return found


def compared(image: Image, truth: ArrayLike, answer: ArrayLike, labels: Labels) -> tuple[bytes, bytes] | None:
    """A picture with the truth and one with the answer; None where it cannot be shown.

    Args:
        image: The source.
        truth: A map of class indices ``shape``, or boxes ``(n, 2 * axes + 1)`` in world units.
        answer: The same; boxes with a score at the end.
        labels: For colours and the background.
    """
    true, said = np.asarray(truth), np.asarray(answer)
    if image.geometry.axes > 2 and true.shape == said.shape == image.geometry.shape:
        by = true if (true != _ground(labels)).any() else said
        first, second = (_in_planes(image, drawn, labels, by=by, names=galleries.UNNAMED) for drawn in (true, said))
        return first, second
    canvas = Canvas.of(image)
    if image.tiled and true.ndim == image.geometry.axes and true.shape == said.shape:
        drawn = [_masks(canvas.turned(m, image.geometry.resized(true.shape)), labels) for m in (true, said)]
        return galleries.compared(canvas.values, drawn[0], drawn[1], spacing=canvas.spacing, most_px=SLIDE_PX)
    if true.shape == image.geometry.shape:
        drawn = [_masks(canvas.turned(m, image.geometry), labels) for m in (true, said)]
        return galleries.compared(canvas.values, drawn[0], drawn[1], spacing=canvas.spacing)
    if image.geometry.axes != 2:
        return None
    return galleries.boxed(canvas.values, boxes(true, image.geometry, labels)), _answered(image, said, labels, names=galleries.UNNAMED)


def answered(image: Image, answer: ArrayLike, labels: Labels) -> bytes:
    """The picture with the answer drawn on it: outlines of masks, of a volume in three planes, or boxes; the classes are named below."""
    return _answered(image, answer, labels, names=legend(labels))


def _answered(image: Image, answer: ArrayLike, labels: Labels, *, names: Mapping[str, str]) -> bytes:
    said = np.asarray(answer)
    if image.geometry.axes > 2 and said.shape == image.geometry.shape:
        return _in_planes(image, said, labels, by=said, names=names)
    canvas = Canvas.of(image)
    if image.tiled and said.ndim == image.geometry.axes:
        on_slide = canvas.turned(said, image.geometry.resized(said.shape))
        return galleries.outlines(canvas.values, _masks(on_slide, labels), spacing=canvas.spacing, names=names)
    if said.shape == image.geometry.shape:
        return galleries.outlines(canvas.values, _masks(canvas.turned(said, image.geometry), labels), spacing=canvas.spacing, names=names)
    if image.geometry.axes != 2:
        return galleries.thumbnail(canvas.values, spacing=canvas.spacing)
    shown = said[said[:, -1] >= LEAST_SHOWN][:, :-1] if len(said) else said
    return galleries.boxed(canvas.values, boxes(shown, image.geometry, labels), names=names)


def told_apart(prediction: Prediction) -> NDArray[np.generic]:
    """The answer with a line of background between objects that touch, where it numbers objects."""
    answer, objects = np.asarray(prediction.answer), prediction.objects
    if objects is None:
        return answer
    labels, shown = prediction.labels, answer.copy()
    ground = 0 if labels.background is None else labels.index(labels.background)
    for axis in range(objects.ndim):
        here, beyond = np.moveaxis(objects, axis, 0)[:-1], np.moveaxis(objects, axis, 0)[1:]
        np.moveaxis(shown, axis, 0)[:-1][(here != beyond) & (here > 0) & (beyond > 0)] = ground
    return shown


def _in_planes(image: Image, drawn: NDArray[np.generic], labels: Labels, *, by: NDArray[np.generic], names: Mapping[str, str]) -> bytes:
    """A volume in the three planes in which ``by`` has most, with outlines."""
    colours = {n: labels.colour(c) for n, c in enumerate(labels.classes) if c != labels.background}
    # Views of the volume: a copy of a CT on a canvas takes more memory than its answer did.
    return outlined(planes(image.read(), image.geometry, drawn, ground=_ground(labels), by=by), colours, other="", names=names)


def _ground(labels: Labels) -> int:
    return 0 if labels.background is None else labels.index(labels.background)


def legend(labels: Labels) -> dict[str, str]:
    """What the colours stand for; classes to which a user gave one colour stand together."""
    found: dict[str, str] = {}
    for name in (c for c in labels.classes if c != labels.background):
        colour = labels.colour(name)
        found[colour] = f"{found[colour]}, {name}" if colour in found else name
    return found


def boxes(found: NDArray[np.float64], grid: Geometry, labels: Labels) -> Mapping[str, NDArray[np.float64]]:
    """World boxes ``(n, 2 * axes + 1)`` as index boxes by colour of their class."""
    axes = grid.axes
    by_colour: dict[str, NDArray[np.float64]] = {}
    for index, name in enumerate(labels.classes):
        mine = found[found[:, -1] == index] if len(found) else np.zeros((0, 2 * axes + 1))
        ends = np.stack([grid.to_index(mine[:, :axes]), grid.to_index(mine[:, axes : 2 * axes])], axis=1)
        colour, corners = labels.colour(name), np.concatenate([ends.min(axis=1), ends.max(axis=1)], axis=1)
        by_colour[colour] = np.concatenate([by_colour[colour], corners]) if colour in by_colour else corners
    return by_colour


def _masks(indices: NDArray[np.generic], labels: Labels) -> Mapping[str, NDArray[np.bool_]]:
    found: dict[str, NDArray[np.bool_]] = {}
    for index, name in enumerate(labels.classes):
        if name != labels.background:
            colour, mine = labels.colour(name), indices == index
            found[colour] = found[colour] | mine if colour in found else mine
    return found
