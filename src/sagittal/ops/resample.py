"""Images on another grid in the same world."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.ops.warp import Order, Outside, ReadMap, gather, needed

GRAIN = 1.15
"""A reduced picture may be this much coarser than the grid asked for: half a JPEG serves steps from 1.74 pixels.

Pixels then differ from an exact antialiased reading by 1.1 to 1.6 grey levels of 255 on average in retina OCT
pictures, which are as noisy as medical pictures get.
"""


def on_grid(image: Image, geometry: Geometry, *, order: Order = "linear", outside: Outside = "edge") -> NDArray[np.float32]:
    """The values of an image at the samples of another grid.

    Args:
        image: Read where needed, and at a lower resolution where its format offers one that is fine enough.
        geometry: The grid wanted, in the same world, with as many axes.
        order: ``linear`` (averaging where the grid is coarser) or ``nearest``.
        outside: ``edge``, or the value of all samples off the image.

    Returns:
        float32 ``(C, *geometry.shape)``, in the units of the image's values.

    >>> image = Image.of(np.arange(16.0).reshape(1, 4, 4), Geometry.picture((4, 4)))
    >>> on_grid(image, image.geometry.resized((2, 2)), order="nearest").shape
    (1, 2, 2)
    """
    return read_through(image, ReadMap(geometry.shape, geometry.index_map(image.geometry)), order=order, outside=outside)


def read_through(image: Image, through: ReadMap, *, order: Order = "linear", outside: Outside = "edge") -> NDArray[np.float32]:
    """The values of an image read through a map, ``(C, *through.shape)``, as :func:`on_grid` does.

    Args:
        image: What is read.
        through: From target indices to indices of ``image.geometry``.
        order: ``linear`` or ``nearest``.
        outside: ``edge``, or the value of all samples off the image.
    """
    if through.axes == 0:
        return gather(image.read(), through)
    source = image.coarser(min(through.reach) * GRAIN) if order == "linear" else image
    if source is not image:
        through = through.onto(image.geometry.index_map(source.geometry))
    values, through = _read(source, through)
    return gather(values, through, order=order, outside=outside)


def _read(image: Image, through: ReadMap) -> tuple[NDArray[Any], ReadMap]:
    """The part of the image that the map needs, and the map into that part."""
    window = needed(through, image.geometry.shape)
    # A linear read off the edge repeats the edge: every side that the map leaves is an edge of the window too.
    return image.read(window), through.within(window)
