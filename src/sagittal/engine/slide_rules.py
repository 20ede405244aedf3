"""Default decisions for slides: how many micrometres a pixel, and which tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.facts import Facts, spread
from sagittal.errors import UsageError
from sagittal.ops.overview import overview
from sagittal.ops.stain import Method, Stains, stains_of

SPACING = 1.0
"""Micrometres a pixel: about what a lens of 10x shows, at which nuclei are seen and glands fit into a tile."""

WHY_SPACING = "about what a lens of 10x shows; prepare.spacing sets another one"

TILE = 256
"""Samples along a side of a tile."""

MOST_STAINED = 50
"""Training images whose stains are measured; evenly spread."""

EACH = 64
"""Tiles of an epoch from each slide."""


def spacing_of(facts: Facts) -> tuple[float, ...] | None:
    """Micrometres from sample to sample; the slides' own where they are coarser; None where nobody says how large their pixels are."""
    if facts.unit != "um":
        return None
    return tuple(max(SPACING, round(v, 4)) for v in facts.spacing)


def windows_of(*, dense: bool) -> tuple[str, dict[str, Any], str]:
    """The windowing, its options, and why."""
    options: dict[str, Any] = {"size": TILE, "per_case": EACH}
    return "tissue", {**options, "overlap": 0.25} if dense else options, "slides are looked at where there is tissue"


def stain_of(manifest: Manifest, method: Method) -> Stains:
    """The colours that all images are brought to: of the training image that lies in the middle of the others.

    A mean of stains would be nobody's laboratory: for each image its distance to the median of all is taken, and the nearest
    one's stains are the target.

    Raises:
        UsageError: No training image has three colours of bytes with enough tissue to tell.
    """
    found = []
    for case in spread(manifest.split("train"), MOST_STAINED):
        values: NDArray[Any] = overview(image_of(case, manifest)).read()[:3]
        stains = stains_of(values, method) if len(values) == 3 and values.dtype == np.uint8 else None
        if stains is not None:
            found.append(stains)
    if not found:
        what = "no training image has colours of bytes and enough tissue to measure its stains"
        raise UsageError("NO_STAIN", f"prepare.stain={method}", what, "leave prepare.stain out")
    numbers = np.array([[*np.ravel(s.matrix), *s.most, *s.spread] for s in found])
    middle, width = np.median(numbers, axis=0), numbers.std(axis=0) + 1e-9
    return found[int((np.abs(numbers - middle) / width).sum(axis=1).argmin())]
