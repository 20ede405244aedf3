"""Outlines of Aperio ImageScope: layers of regions in the pixels of the whole slide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from sagittal.core import Geometry, Labels, Polygons
from sagittal.errors import UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._outlines import Drawn, Ring, children, ellipse, opened, parsed_xml, plain, polygons, ring_of

_RECTANGLE, _ELLIPSE, _ARROW = "1", "2", "3"


def outlines(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Polygons:
    """The regions of all layers.

    A region belongs to the class that its text, or its layer's name or colour, stands for. A region that is drawn as negative
    is a hole in those of its layer around it. Arrows, rulers and what has fewer than three corners are no outlines.

    Raises:
        UnreadableInput: Broken, entities, over a limit.
        Refused: A region of no known class.
    """
    root = parsed_xml(path, limits, roots=("Annotations",), what="Aperio XML")
    with decoding(path, "Aperio XML"):
        return polygons((one for layer in children(root, "Annotation") for one in _layer(layer, path)), labels, like, path)


def _layer(layer: Element, path: Path) -> Iterator[Drawn]:
    described = [a.get("Value", "") for group in children(layer, "Attributes") for a in children(group, "Attribute")]
    common = tuple(n.strip() for n in (layer.get("Name", ""), *described) if n.strip())
    colours = _colour(layer.get("LineColor", ""))
    regions = [r for group in children(layer, "Regions") for r in children(group, "Region") if r.get("Type") != _ARROW]
    drawn = [(r, _ring(r, path)) for r in regions]
    holes = [ring for r, ring in drawn if r.get("NegativeROA") == "1" and len(ring) >= 3]
    for region, ring in drawn:
        if region.get("NegativeROA") != "1" and len(ring) >= 3:
            inner = [hole for hole in holes if _within(hole, ring)]
            yield Drawn(rings=(ring, *inner), names=(*_texts(region), *common), colours=colours, layer=layer.get("Name", "").strip())


def _texts(region: Element) -> tuple[str, ...]:
    own = [a.get("Value", "") for group in children(region, "Attributes") for a in children(group, "Attribute")]
    return tuple(t.strip() for t in (region.get("Text", ""), *own) if t.strip())


def _ring(region: Element, path: Path) -> Ring:
    try:
        points = [
            (float(v.get("X", "")), float(v.get("Y", ""))) for group in children(region, "Vertices") for v in children(group, "Vertex")
        ]
    except ValueError as error:
        raise UnreadableInput("BROKEN", path, "a vertex has no X or Y", "copy it again from its source") from error
    ring = ring_of(points)
    if region.get("Type") == _RECTANGLE and len(ring) == 2:
        (x0, y0), (x1, y1) = ring
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return ellipse(ring) if region.get("Type") == _ELLIPSE and len(ring) > 1 else ring


def _within(hole: Ring, ring: Ring) -> bool:
    """Whether most corners of a hole lie in a region: a ray to the right of each crosses its border an odd number of times."""
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    x, y = hole[:, :1], hole[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return bool((crossed.sum(axis=1) % 2).mean() > 0.5)


def _colour(number: str) -> tuple[str, ...]:
    """Blue, green and red in one number, as Windows has it.

    >>> _colour("255"), _colour("65280"), _colour("")
    (('#ff0000',), ('#00ff00',), ())
    """
    if not number.strip().isdigit():
        return ()
    value = int(number)
    return (f"#{value & 255:02x}{value >> 8 & 255:02x}{value >> 16 & 255:02x}",)


def _is_aperio(head: bytes) -> bool:
    text = plain(head)
    return text.startswith(b"<") and re.search(rb"<Annotations[\s>]", text) is not None and b"<ASAP_Annotations" not in text


aperio_xml = Reader(
    name="aperio_xml", formats=(Format(name="Aperio XML", suffixes=(), matches=_is_aperio),), open=opened, outlines=outlines
)
