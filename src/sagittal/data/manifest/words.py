"""The words that a manifest is written in: its format, the splits, what can be said of a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

FORMAT = "sagittal-manifest"
VERSION = 1
SPLITS = ("train", "val", "test")
Said = Literal["label", "labels", "value", "mask", "objects", "outlines", "boxes", "nothing"]
"""One word a case, several words, numbers, a class a sample, single objects, outlines, boxes, or nothing at all."""

SPOKEN: Mapping[str, str] = {
    "label": "one class",
    "labels": "several classes",
    "value": "a value",
    "mask": "a label map",
    "objects": "single objects",
    "outlines": "outlines",
    "boxes": "boxes",
    "nothing": "nothing",
}
"""How a sentence calls what was said of a case."""

OUTLINES = (".svg", ".xml", ".geojson", ".json")
"""Suffixes of files that hold outlines."""

DRAWN = ("mask", "objects", "outlines", "boxes")
"""What was said by drawing on the image."""

CSV, RECORD = "manifest.csv", "manifest.json"
"""The table, which a person may write, and what is known of it beside."""
