"""Outlines as the formats of annotation programs hold them: in pixels of the whole picture, with names and colours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image, Labels, Polygons
from sagittal.core.polygons import Outline
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.guard import Limits, decoding

MOST_BYTES = 2**28
MOST_POINTS = 20_000_000
MOST_OUTLINES = 1_000_000
MOST_DEPTH = 64

_ADDRESS = re.compile(r"https?://[\w./~#-]{1,200}")
_MOST_REFERENCES = 10_000

Ring = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """One outline.

    Args:
        rings: ``(n, 2)`` each, x and y in pixels of the picture, whose upper left corner is 0, 0.
        names: What it is called, the most telling first.
        colours: ``#rrggbb``, what it is filled with first; none where it has none.
        rule: How holes are told.
        layer: The layer that it is in, where that is not what it is called itself.
    """

    rings: tuple[Ring, ...]
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    rule: Literal["evenodd", "nonzero"] = "evenodd"
    layer: str = ""


def polygons(found: Iterable[Drawn], labels: Labels, like: Geometry | None, path: Path) -> Polygons:
    """Outlines with their classes, in the world of the picture they were drawn on.

    Those of the background class cut: they lie on top of all others, wherever they stand in the file.

    Args:
        found: In drawing order.
        labels: The classes.
        like: The picture; without it the world is its pixels.
        path: For the message.

    Raises:
        UnreadableInput: A coordinate that is no number, or more points than the limit.
        Refused: An outline of no known class.
    """
    outlines, points = list[Outline](), 0
    for one in found:
        rings = tuple(ring for ring in one.rings if len(ring) >= 3)
        name = class_of(one.names, one.colours, labels, path) if rings else None
        if name is None:
            continue
        points += sum(len(ring) for ring in rings)
        if points > MOST_POINTS or len(outlines) >= MOST_OUTLINES:
            what = f"more than {MOST_OUTLINES:,} outlines or {MOST_POINTS:,} points"
            raise UnreadableInput("OVER_LIMIT", path, what, "simplify the outlines, or divide the file")
        if not all(np.isfinite(ring).all() for ring in rings):
            raise UnreadableInput("BROKEN", path, "a coordinate is not a number", "copy it again from its source")
        moved = rings if like is None else tuple(like.to_world(ring[:, ::-1] - 0.5) for ring in rings)
        outlines.append(Outline(rings=moved, name=name, rule=one.rule, signs=_signs(one)))
    outlines.sort(key=lambda o: o.name == labels.background)
    return Polygons(outlines=tuple(outlines), labels=labels)


def _signs(one: Drawn) -> tuple[tuple[str, str], ...]:
    """By what an outline may be known: its own name, its layer, its colour."""
    own = [("class", name) for name in one.names[:1] if name != one.layer]
    layer = [("layer", one.layer)] if one.layer else []
    return (*own, *layer, *(("colour", colour) for colour in one.colours[:1]))


def class_of(names: Sequence[str], colours: Sequence[str], labels: Labels, path: Path) -> str | None:
    """The class of an outline: what its name or colour stands for, else the only class that there is besides the background.

    Returns:
        None where the labels say that such an outline means nothing.

    Raises:
        Refused: It says something else than any class.
    """
    told = {word.lower(): c for word, c in labels.words.items()}
    known = {labels.colours[c].lower(): c for c in labels.classes if c in labels.colours} | {c.lower(): c for c in labels.classes}
    # what the user says of a word, a colour perhaps, goes before a class that happens to be called like another
    for table in (told, known):
        for word in (*names, *colours):
            if word.lower() in table:
                return table[word.lower()] or None
    drawn = [c for c in labels.classes if c != labels.background]
    if len(drawn) == 1:
        return drawn[0]
    said = ", ".join(names[:4]) or f"nothing, drawn in {' and '.join(colours) or 'no colour'}"
    what = f"an outline says {said}, which is none of {', '.join(drawn)}"
    remedy = "name the class in the outline's class or id, its colour in labels.colours, or say in data.words what it means"
    raise Refused("UNKNOWN_CLASS", path, what, remedy)


def parsed_xml(path: Path, limits: Limits, *, roots: Sequence[str], what: str) -> Element:
    """The root of an XML file whose entities, if any, are plain web addresses, as Illustrator names name spaces.

    Raises:
        UnreadableInput: Over a limit, not well-formed, other entities, nested too deeply, or another root than expected.
    """
    from defusedxml.common import DefusedXmlException

    data = _bytes(path, limits)
    with decoding(path, what):
        try:
            root = _root(data)
        except DefusedXmlException as error:
            why = f"it defines entities, which can hide a bomb ({type(error).__name__})"
            raise UnreadableInput("UNSAFE", path, why, "save it without entities") from error
        except ParseError as error:
            remedy = "save it as UTF-8" if "encoding" in str(error) else "copy it again from its source"
            raise UnreadableInput("BROKEN", path, f"it is not well-formed XML ({error})", remedy) from error
    if root.tag.rpartition("}")[2] not in roots:
        raise UnreadableInput("BROKEN", path, f"its root element is {root.tag[:40]}", "check what it is")
    return root


def plain(head: bytes) -> bytes:
    r"""The first bytes of a text file as UTF-8 without its mark, where it is UTF-16 (told by its mark, or by how XML begins).

    >>> plain("<svg>".encode("utf-16")), plain(b"\xef\xbb\xbf <svg>"), plain("<svg>".encode("utf-16-le"))
    (b'<svg>', b'<svg>', b'<svg>')
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", errors="ignore").encode()
    elif head[:2] in {b"<\0", b"\0<"}:
        head = head.decode("utf-16-le" if head[0] else "utf-16-be", errors="ignore").encode()
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def _root(data: bytes) -> Element:
    """See :func:`parsed_xml`; few entities, short ones that hold no other: together they can hardly grow."""
    from defusedxml.common import EntitiesForbidden
    from defusedxml.ElementTree import DefusedXMLParser

    class Parser(DefusedXMLParser):  # type: ignore[misc, unused-ignore]
        def defused_entity_decl(self, name: str, *declared: Any) -> None:
            is_parameter, value, *rest = declared
            if is_parameter or value is None or _ADDRESS.fullmatch(value) is None or data.count(b"&") > _MOST_REFERENCES:
                raise EntitiesForbidden(name, value, *rest)

    parser = Parser(target=TreeBuilder())
    parser.feed(data)
    root: Element = parser.close()
    return root


def parsed_json(path: Path, limits: Limits, *, what: str) -> Any:
    """What a JSON file holds.

    Raises:
        UnreadableInput: Over a limit, or no JSON.
    """
    data = _bytes(path, limits)
    with decoding(path, what):
        try:
            return json.loads(data)
        except RecursionError as error:
            raise UnreadableInput("OVER_LIMIT", path, "it is nested too deeply", "check what it is") from error


def ring_of(points: Iterable[Sequence[float]]) -> Ring:
    """Points as an array; what stands behind x and y is left out, and so is a last point that repeats the first."""
    ring = np.array([(float(p[0]), float(p[1])) for p in points], dtype=np.float64).reshape(-1, 2)
    return ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring


def ellipse(ring: Ring, points: int = 256) -> Ring:
    """The ellipse in the box around some points, with as much area as the true one has."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    turn = np.arange(points) * (2 * np.pi / points)
    # chords lie inside of the curve: a polygon of the same area goes a little beyond it
    stretch = np.sqrt(2 * np.pi / points / np.sin(2 * np.pi / points))
    found: Ring = (low + high) / 2 + stretch * (high - low) / 2 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return found


def no_image(path: Path, part: str, limits: Limits) -> NoReturn:
    """What a person drew is not an image.

    Raises:
        UnreadableInput: Always; it says where outlines belong.
    """
    raise UnreadableInput("NOT_AN_IMAGE", path, "outlines are an annotation, not an image", "name the file as the annotation of a picture")


def opened(path: Path, part: str, limits: Limits) -> Image:
    """See :func:`no_image`; the type that a reader promises."""
    no_image(path, part, limits)


def children(element: Element, name: str) -> Iterator[Element]:
    """The children of this name, whatever their name space."""
    return (child for child in element if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name)


def _bytes(path: Path, limits: Limits) -> bytes:
    limits.but(bytes=min(limits.bytes, MOST_BYTES)).check_file(path, path.stat().st_size)
    return path.read_bytes()
