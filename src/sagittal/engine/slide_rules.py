"""Default decisions for slides: how many micrometres a pixel, and which tiles."""

from __future__ import annotations

from typing import Any

from sagittal.engine.facts import Facts

SPACING = 1.0
"""Micrometres a pixel: about what a lens of 10x shows, at which nuclei are seen and glands fit into a tile."""

WHY_SPACING = "about what a lens of 10x shows; prepare.spacing sets another one"

TILE = 256
"""Samples along a side of a tile."""

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
