"""Slices of a volume for a network of pictures, each with its neighbours as further channels (2.5-D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import UsageError
from sagittal.ops.positions import Positions
from sagittal.windows._windowing import Thin, Windowing, sizes
from sagittal.windows.patches import patches


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slices:
    one: ClassVar[bool] = False
    fixed: ClassVar[bool] = False

    boxes: Windowing
    thin: Thin

    def draws(self, grid: Geometry) -> int:
        return self.boxes.draws(grid)

    def draw(self, grid: Geometry, index: int, rng: np.random.Generator, where: Positions | None) -> Window:
        return self.boxes.draw(grid, index, rng, where)

    def cover(self, grid: Geometry) -> list[Window]:
        return self.boxes.cover(grid)


def slices(
    *,
    size: int | Sequence[int] = 256,
    axis: int = 2,
    context: int = 1,
    per_case: int = 16,
    on_object: float = 0.5,
    overlap: float = 0.25,
) -> Windowing:
    """Random slices for training, all slices for the answer; the network has one axis less than the volume.

    Where slices are much thicker than they are fine, neighbours tell little: a network of pictures learns more from few
    volumes, and faster, than one of volumes does.

    Args:
        size: Samples along the two axes of the slice; one number for both.
        axis: Across the slices, of the upright grid (0: right, 1: anterior, 2: superior).
        context: Slices on either side that the network sees too; 0 is plain 2-D.
        per_case: Slices taken from each case in an epoch.
        on_object: The share of slices that is made to show a sample of a foreground class.
        overlap: Of the windows that cover a slice larger than ``size``.

    Raises:
        UsageError: An axis that volumes do not have, or a negative context.

    >>> windowing = slices(size=(32, 48), axis=1)
    >>> grid = Geometry(shape=(32, 20, 40), affine=np.eye(4))
    >>> windowing.cover(grid)[0], len(windowing.cover(grid))
    (Window(start=(0, 0, -4), size=(32, 1, 48)), 20)
    """
    plane = sizes(size)
    if axis not in {0, 1, 2}:
        raise UsageError("WINDOW_AXIS", "windows.axis", f"{axis!r} is no axis of a volume", "give 0, 1 or 2")
    if context < 0:
        raise UsageError("WINDOW_CONTEXT", "windows.context", f"{context!r} is no number of slices", "give 0 or more")
    if len(plane) == 1:
        plane *= 2
    box = (*plane[:axis], 1, *plane[axis:])
    boxes = patches(size=box, per_case=per_case, on_object=on_object, overlap=overlap)
    return _Slices(boxes=boxes, thin=Thin(axis=axis, context=context))
