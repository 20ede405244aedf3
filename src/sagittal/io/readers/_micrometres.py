"""How large a pixel is, as the user states it: ``tile.png::mpp=0.5``."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from sagittal.core import Geometry, Image
from sagittal.errors import UnreadableInput

STATED = "mpp"


def stated(path: Path, part: str) -> float | None:
    """The micrometres a pixel in a part ``mpp=0.5``; None where the part is empty.

    Raises:
        UnreadableInput: The part says something else.
    """
    if not part:
        return None
    name, _, value = part.partition("=")
    try:
        size = float(value) if name == STATED else math.nan
    except ValueError:
        size = math.nan
    if not math.isfinite(size) or size <= 0:
        what = "a slide or a picture has no such part"
        raise UnreadableInput("NO_SUCH_PART", f"{path.name}::{part}", what, "write ::mpp=0.5, or leave it out")
    return size


def in_micrometres(image: Image, size: float) -> Image:
    """A picture in a world of micrometres, and what it is decoded to for less as well; its pixels are as they were.

    Args:
        image: In its own pixels.
        size: Micrometres a pixel, the same along both axes.
    """
    reduce = image.reduce
    own = image.geometry
    affine = np.diag([size, size, 1.0]) @ own.affine
    return replace(
        image,
        geometry=Geometry(shape=own.shape, affine=affine, unit="um", frame="slide"),
        meta={**image.meta, "mpp": (size, size), "mpp_from": "the user"},
        reduce=None if reduce is None else lambda factor: in_micrometres(reduce(factor), size),
    )
