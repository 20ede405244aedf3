"""Outlines to GeoJSON as QuPath opens it: polygons with holes in pixels, with the name and colour of their class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.writers._features import Feature, numbers


@dataclass(kw_only=True, slots=True)
class Features:
    """A collection of features that grows in a file.

    Args:
        file: Into which; empty.
        sample_um2: Square micrometres of a sample; each feature then says its area.
        count: Features in it.
    """

    file: BinaryIO
    sample_um2: float | None = None
    count: int = 0

    def add(self, found: Iterable[Feature]) -> None:
        """Append features."""
        for feature in found:
            self.file.write(b"," if self.count else b'{"type":"FeatureCollection","features":[')
            self.file.write(b"\n" + json.dumps(_record(feature, self.sample_um2), separators=(",", ":")).encode("ascii"))
            self.count += 1

    def end(self) -> None:
        """Nothing follows."""
        self.file.write(b"\n]}\n" if self.count else b'{"type":"FeatureCollection","features":[]}\n')


def write_features(path: Path, features: Iterable[Feature], *, sample_um2: float | None = None) -> int:
    """Write features, one a line; gives how many.

    Args:
        path: Ending in ``.geojson``.
        features: In drawing order; they need not be in memory at once.
        sample_um2: As of :class:`Features`.

    Raises:
        StorageFailure: Disk full, read-only, not permitted.
    """
    with atomic.writing(path) as file:
        made = Features(file=file, sample_um2=sample_um2)
        made.add(features)
        made.end()
    return made.count


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
