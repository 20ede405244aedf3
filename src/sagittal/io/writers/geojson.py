"""Outlines to GeoJSON as QuPath opens it: polygons with holes in pixels, with the name and colour of their class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.writers._features import Feature, numbers


def write_features(path: Path, features: Iterable[Feature], *, sample_um2: float | None = None) -> int:
    """Write features; gives how many.

    Args:
        path: Ending in ``.geojson``.
        features: In drawing order.
        sample_um2: Square micrometres of a sample; each feature then says its area.

    Raises:
        StorageFailure: Disk full, read-only, not permitted.
    """
    made = [_record(one, sample_um2) for one in features]
    atomic.write_text(path, json.dumps({"type": "FeatureCollection", "features": made}, separators=(",", ":")))
    return len(made)


def _record(feature: Feature, sample_um2: float | None) -> Mapping[str, Any]:
    polygons = [[[*(_point(p) for p in ring.tolist()), _point(ring[0].tolist())] for ring in polygon] for polygon in feature.polygons]
    one = len(polygons) == 1
    geometry = {"type": "Polygon" if one else "MultiPolygon", "coordinates": polygons[0] if one else polygons}
    colour = [int(feature.colour[i : i + 2], 16) for i in (1, 3, 5)]
    properties: dict[str, Any] = {
        "objectType": "annotation" if feature.number is None else "detection",
        "classification": {"name": feature.name, "color": colour},
        **({} if feature.number is None else {"name": str(feature.number)}),
        **({} if sample_um2 is None else {"measurements": {"Area um^2": round(feature.samples * sample_um2, 3)}}),
    }
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _point(xy: list[float]) -> list[float | int]:
    """Whole numbers without a point: most corners are some."""
    return [int(v) if v.is_integer() else round(v, 3) for v in xy]


def _write(image: Image, path: Path) -> None:
    """The pieces of each number in a map of numbers."""
    write_features(path, numbers(image, path))


geojson = Writer(name="geojson", suffixes=(".geojson",), write=_write)
