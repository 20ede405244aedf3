"""Outlines of ASAP (as of CAMELYON): annotations in groups, in the pixels of the whole slide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from sagittal.core import Geometry, Labels, Polygons
from sagittal.errors import UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._outlines import Drawn, children, opened, parsed_xml, plain, polygons, ring_of

_FILLED = {"polygon", "spline", "rectangle"}


def outlines(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Polygons:
    """The polygons, splines (by their points) and rectangles; dots are no outlines.

    One belongs to the class that its group, its name or its colour stands for. A group that holds holes is mapped to the
    background, which cuts: ``data.words: {Exclusion: background}``.

    Raises:
        UnreadableInput: Broken, entities, over a limit.
        Refused: An annotation of no known class.
    """
    root = parsed_xml(path, limits, roots=("ASAP_Annotations",), what="ASAP XML")
    with decoding(path, "ASAP XML"):
        return polygons(_all(root, path), labels, like, path)


def _all(root: Element, path: Path) -> Iterator[Drawn]:
    for group in children(root, "Annotations"):
        for one in children(group, "Annotation"):
            if one.get("Type", "Polygon").lower() not in _FILLED:
                continue
            points = [c for held in children(one, "Coordinates") for c in children(held, "Coordinate")]
            try:
                ordered = sorted(points, key=lambda c: float(c.get("Order", "0")))
                ring = ring_of([(float(c.get("X", "")), float(c.get("Y", ""))) for c in ordered])
            except ValueError as error:
                raise UnreadableInput("BROKEN", path, "a coordinate has no X or Y", "copy it again from its source") from error
            names = tuple(n for n in (one.get("PartOfGroup", "").strip(), one.get("Name", "").strip()) if n and n != "None")
            yield Drawn(rings=(ring,), names=names, colours=tuple(filter(None, (one.get("Color", "").strip().lower(),))))


def _is_asap(head: bytes) -> bool:
    text = plain(head)
    return text.startswith(b"<") and re.search(rb"<ASAP_Annotations[\s>]", text) is not None


asap_xml = Reader(name="asap_xml", formats=(Format(name="ASAP XML", suffixes=(), matches=_is_asap),), open=opened, outlines=outlines)
