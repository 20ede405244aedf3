"""Outlines in GeoJSON, as QuPath writes them: polygons with holes in the pixels of the whole slide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sagittal.core import Geometry, Labels, Polygons
from sagittal.errors import UnreadableInput
from sagittal.io import _sniff
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._outlines import MOST_DEPTH, Drawn, opened, parsed_json, polygons, ring_of

_FEATURE = re.compile(rb'"type"\s*:\s*"(FeatureCollection|Feature|Polygon|MultiPolygon|GeometryCollection)"')

_DERIVED = ": "


def outlines(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Polygons:
    """The polygons of all features; each part of a ``MultiPolygon`` belongs to one object. Points and lines are no outlines.

    One belongs to the class that its classification, its name or its colour stands for.

    Raises:
        UnreadableInput: Broken, over a limit.
        Refused: A feature of no known class.
    """
    content = parsed_json(path, limits, what="GeoJSON")
    with decoding(path, "GeoJSON"):
        return polygons(_drawn(content, {}, path, 0), labels, like, path)


def _drawn(content: Any, properties: Mapping[str, Any], path: Path, depth: int) -> Iterator[Drawn]:
    if depth > MOST_DEPTH:
        raise UnreadableInput("OVER_LIMIT", path, f"more than {MOST_DEPTH} levels of collections", "check what it is")
    if isinstance(content, list):
        for one in content:
            yield from _drawn(one, properties, path, depth + 1)
        return
    if not isinstance(content, dict):
        raise UnreadableInput("BROKEN", path, "a feature is no object", "copy it again from its source")
    kind = content.get("type")
    if kind == "FeatureCollection":
        yield from _drawn(content.get("features", []), properties, path, depth + 1)
    elif kind == "Feature" and content.get("geometry") is not None:
        yield from _drawn(content["geometry"], content.get("properties") or {}, path, depth + 1)
    elif kind == "GeometryCollection":
        yield from _drawn(content.get("geometries", []), properties, path, depth + 1)
    elif kind in {"Polygon", "MultiPolygon"}:
        parts = [content["coordinates"]] if kind == "Polygon" else content["coordinates"]
        rings = tuple(ring_of(ring) for part in parts for ring in part)
        yield Drawn(rings=rings, names=_names(properties), colours=_colours(properties))


def _names(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """What it is called; ``Tumor: Positive``, as QuPath shows a class derived from another, is also that other one, ``Tumor``."""
    told = properties.get("classification")
    own = told.get("name") or _DERIVED.join(map(str, told.get("names") or ())) if isinstance(told, dict) else told
    base = own.partition(_DERIVED)[0] if isinstance(own, str) and _DERIVED in own else None
    found = (own, base, properties.get("class"), properties.get("label"), properties.get("name"))
    return tuple(str(name).strip() for name in found if isinstance(name, str) and name.strip())


def _colours(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Three numbers, or all in one (``colorRGB``, of older programs), of the classification or of the object itself."""
    told = properties.get("classification")
    for holder in (told if isinstance(told, dict) else {}, properties):
        colour, packed = holder.get("color"), holder.get("colorRGB")
        if isinstance(colour, list) and len(colour) >= 3:
            return ("#" + "".join(f"{int(c) & 255:02x}" for c in colour[:3]),)
        if isinstance(packed, int):
            return (f"#{packed & 0xFFFFFF:06x}",)
    return ()


def _is_geojson(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["} and _FEATURE.search(head) is not None and _sniff.is_text(head)


geojson = Reader(
    name="geojson", formats=(Format(name="GeoJSON", suffixes=(".geojson",), matches=_is_geojson),), open=opened, outlines=outlines
)
