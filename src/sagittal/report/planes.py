"""Cases as people look at them: three planes to scale, what was drawn on them as outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.report import galleries
from sagittal.report._pixels import Picture, as_bytes
from sagittal.report.named import named

HEIGHT_PX = 300
FLAT_PX = 440
MOST_PX = 900
_LEAST_SPACING = 1e-6


class Plane(Protocol):
    """One flat picture, head or front up; as :class:`sagittal.data._planes.Plane`."""

    @property
    def values(self) -> NDArray[np.uint8]:
        """``(y, x)`` or ``(y, x, 3)``."""
        ...

    @property
    def drawn(self) -> NDArray[np.int32] | None:
        """``(y, x)`` numbers, below 0 where not known."""
        ...

    @property
    def spacing(self) -> tuple[float, float]:
        """World units from row to row and column to column."""
        ...


def outlined(
    planes: Sequence[Plane], colours: Mapping[int, str], *, other: str = "#56b4e9", names: Mapping[str, str] = galleries.UNNAMED
) -> bytes:
    """The planes side by side at one scale, with a line round everything that was drawn.

    Args:
        planes: Of one case.
        colours: ``#rrggbb`` of the numbers that are drawn; one that is not among them and above 0 gets ``other``.
        other: For numbers of objects.
        names: By colour; those of the colours that are seen are written below.

    Returns:
        A PNG file.
    """
    sizes = [(p.values.shape[0] * p.spacing[0], p.values.shape[1] * p.spacing[1]) for p in planes]
    tallest, width = max(h for h, _ in sizes), sum(w for _, w in sizes)
    height_px = HEIGHT_PX if len(planes) > 1 else FLAT_PX
    scale = min(height_px / max(tallest, _LEAST_SPACING), MOST_PX / max(width, _LEAST_SPACING))
    shapes = [(max(1, round(h * scale)), max(1, round(w * scale))) for h, w in sizes]
    views = [_view(plane, shape, colours, other) for plane, shape in zip(planes, shapes, strict=True)]
    height = max(v.shape[0] for v in views)
    padded = []
    for view in views:
        above = (height - view.shape[0]) // 2
        padded.append(np.pad(view, ((above, height - view.shape[0] - above), (0, 4), (0, 0))))
    return galleries.png(named(np.concatenate(padded, axis=1)[:, :-4], names))


def _view(plane: Plane, shape: tuple[int, int], colours: Mapping[int, str], other: str) -> Picture:
    import cv2

    smaller = shape[0] * shape[1] < plane.values.shape[0] * plane.values.shape[1]
    sized = cv2.resize(plane.values, shape[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    flat = np.repeat(sized[..., None], 3, axis=-1) if sized.ndim == 2 else sized
    view = as_bytes(flat.astype(np.float32))
    if plane.drawn is None:
        return view
    drawn = cv2.resize(plane.drawn.astype(np.float32), shape[::-1], interpolation=cv2.INTER_NEAREST).astype(np.int32)
    edge = _edges(drawn)
    for number in np.unique(drawn[edge]):
        colour = colours.get(int(number), other if number > 0 else "")
        if colour:
            view[edge & (drawn == number)] = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return view


def _edges(drawn: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Samples near a smaller number: a line two pixels wide, on the side of the greater one."""
    edge = np.zeros(drawn.shape, dtype=np.bool_)
    for width in (1, 2):
        padded = np.pad(drawn, width, mode="edge")
        middle = padded[width:-width, width:-width]
        along = slice(width, -width)
        for beside in (padded[: -2 * width, along], padded[2 * width :, along], padded[along, : -2 * width], padded[along, 2 * width :]):
            edge |= beside < middle
    return edge
