"""The words that a manifest is written in: its format, the splits, what can be said of a case."""

from __future__ import annotations

from typing import Literal

FORMAT = "sagittal-manifest"
VERSION = 1
SPLITS = ("train", "val", "test")
Said = Literal["label", "labels", "value", "mask", "objects", "outlines", "boxes", "nothing"]
"""One word a case, several words, numbers, a class a sample, single objects, outlines, boxes, or nothing at all."""

OUTLINES = (".svg", ".xml", ".geojson", ".json")
"""Suffixes of files that hold outlines."""

DRAWN = ("mask", "objects", "outlines", "boxes")
"""What was said by drawing on the image."""

CSV, RECORD = "manifest.csv", "manifest.json"
"""The table, which a person may write, and what is known of it beside."""
