"""Outlines drawn in SVG: polygons, paths, rectangles, circles; an outline without fill encloses what it goes around."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Labels, Polygons
from sagittal.core.annotation import Outline
from sagittal.errors import Refused, UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._curves import numbers, rings, tag, transform_of
from sagittal.io.readers._outlines import class_of, opened, parsed_xml

_SHAPES = {"polygon", "polyline", "path", "rect", "circle", "ellipse"}
_HIDDEN = {"defs", "clipPath", "mask", "symbol", "pattern", "marker", "metadata", "title", "desc", "style", "script"}
_REFUSED = {"use", "svg"}
_MOST_ELEMENTS = 200_000
_MOST_DEPTH = 64
_UNITS = {"px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "Q": 96 / 101.6, "pt": 96 / 72, "pc": 16.0}


def outlines(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Polygons:
    """The outlines in an SVG file, in the world of the picture they were drawn on.

    A shape belongs to the class that its ``class``, ``id``, ``data-class`` or label names, or one of its groups, or whose
    colour it is drawn in; where there is one foreground class, to that. ``fill="none"`` is filled: it is an outline.

    Args:
        path: The file.
        part: Not used: a file has one canvas.
        labels: The classes.
        like: The picture; a view box of another size is scaled to it when it has the same shape.
        limits: For the size of the file.

    Raises:
        UnreadableInput: Broken, entities, over a limit, or with parts that would silently be lost (``use``).
        Refused: A shape of no known class, or a canvas of another shape than ``like``.
    """
    root = parsed_xml(path, limits, roots=("svg",), what="SVG")
    with decoding(path, "SVG"):
        to_world = _canvas(root, like, path)
        found = tuple(_outline(shape, labels, to_world, path) for shape in _shapes(root, path))
    return Polygons(outlines=tuple(o for o in found if o is not None), labels=labels)


@dataclass(frozen=True, slots=True)
class _Shape:
    """An element that is drawn, with all that it inherits."""

    element: Element
    transform: NDArray[np.float64]
    names: tuple[str, ...]
    style: dict[str, str]
    classes: tuple[str, ...]


def _shapes(root: Element, path: Path) -> Iterator[_Shape]:
    """Every drawn element, in drawing order."""
    stack: list[tuple[Element, NDArray[np.float64], tuple[str, ...], dict[str, str], tuple[str, ...], int]]
    stack = [(child, np.eye(3), (), {}, (), 1) for child in reversed(root)]
    count = 0
    while stack:
        element, transform, names, style, classes, depth = stack.pop()
        kind = tag(element)
        count += 1
        if count > _MOST_ELEMENTS or depth > _MOST_DEPTH:
            raise UnreadableInput("OVER_LIMIT", path, f"more than {_MOST_ELEMENTS:,} elements, or {_MOST_DEPTH} levels", "simplify it")
        if kind in _HIDDEN:
            continue
        if kind in _REFUSED:
            raise UnreadableInput(
                "UNSUPPORTED", path, f"an SVG element {kind!r} inside is not read, and would be lost", "save plain outlines"
            )
        own = {**style, **_style(element)}
        if own.get("display") == "none":
            continue
        here = transform @ transform_of(element)
        called, classes = (*_names(element), *names), (*_classes(element), *classes)
        if kind in _SHAPES and own.get("visibility") not in {"hidden", "collapse"}:
            yield _Shape(element, here, called, own, classes)
        else:
            stack.extend((child, here, called, own, classes, depth + 1) for child in reversed(element))


def _outline(shape: _Shape, labels: Labels, to_world: NDArray[np.float64], path: Path) -> Outline | None:
    matrix = to_world @ shape.transform
    curves = tuple(ring for ring in rings(shape.element, matrix, path) if len(ring) >= 3)
    if not curves:
        return None
    if not all(np.isfinite(ring).all() for ring in curves):
        raise UnreadableInput("BROKEN", path, "a coordinate is not a number", "copy it again from its source")
    rule: Literal["evenodd", "nonzero"] = "evenodd" if shape.style.get("fill-rule") == "evenodd" else "nonzero"
    colours = tuple(filter(None, (_colour(shape.style.get(key, "")) for key in ("fill", "stroke"))))
    name = class_of(shape.names, colours, labels, path)
    told = next(iter((*shape.classes, *colours)), "")
    return None if name is None else Outline(rings=curves, name=name, rule=rule, told=told)


def _canvas(root: Element, like: Geometry | None, path: Path) -> NDArray[np.float64]:
    """From the root's coordinates to the world of the picture."""
    box = numbers(root.get("viewBox", ""))
    if len(box) != 4 or box[2] <= 0 or box[3] <= 0:
        sizes = [_pixels(root.get("width")), _pixels(root.get("height"))]
        box = [0.0, 0.0, *sizes] if None not in sizes else []  # type: ignore[list-item]
    move = np.eye(3)
    if box:
        move[:2, 2] = [-box[0], -box[1]]
    if like is None:
        return move
    edges = np.abs(like.to_world([s - 0.5 for s in like.shape]) - like.to_world([-0.5] * like.axes))
    if not box or np.allclose(edges, box[2:], atol=1.0):
        return move
    ratio = edges / box[2:]
    if not np.isclose(ratio[0], ratio[1], rtol=0.01):
        what = f"its canvas is {box[2]:g} x {box[3]:g}, the picture {edges[0]:g} x {edges[1]:g}: they have not the same shape"
        raise Refused("MASK_SIZE", path, what, "draw on the picture itself")
    return np.diag([*ratio, 1.0]) @ move


def _pixels(length: str | None) -> float | None:
    """A length in CSS pixels, of which 96 make an inch; None where it depends on something else.

    >>> _pixels("25.4mm"), _pixels("40"), _pixels("100%")
    (96.0, 40.0, None)
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(px|mm|cm|in|pt|pc|Q)?\s*", length or "")
    return float(match[1]) * _UNITS[match[2] or "px"] if match and float(match[1]) > 0 else None


def _colour(text: str) -> str:
    """``#rrggbb`` of a colour however it is written; empty for none.

    >>> _colour("lime"), _colour("#0f0"), _colour("rgb(0, 255, 0)"), _colour("none"), _colour("url(#a)")
    ('#00ff00', '#00ff00', '#00ff00', '', '')
    """
    if text in {"", "none"} or text.startswith("url("):
        return ""
    import svgelements

    with contextlib.suppress(ValueError):
        colour = svgelements.Color(text)
        if colour.value is not None and colour.red is not None:
            return f"#{colour.red:02x}{colour.green:02x}{colour.blue:02x}"
    return ""


def _style(element: Element) -> dict[str, str]:
    """Presentation attributes, and the style attribute above them."""
    known = ("fill", "stroke", "fill-rule", "display", "visibility")
    found = {key: value.strip() for key in known if (value := element.get(key)) is not None}
    for entry in element.get("style", "").split(";"):
        key, _, value = entry.partition(":")
        if key.strip() in known:
            found[key.strip()] = value.strip()
    return found


def _names(element: Element) -> tuple[str, ...]:
    """What an element is called, the most telling first."""
    found = [*_classes(element)]
    found += [child.text or "" for child in element if tag(child) == "title"]
    found.append(element.get("id", ""))
    return tuple(name.strip() for name in found if name.strip())


def _classes(element: Element) -> tuple[str, ...]:
    """What an element says of its kind; an id and a title may be its own."""
    found = [element.get("data-class", ""), *element.get("class", "").split()]
    found += [value for key, value in element.attrib.items() if key.endswith("}label")]
    return tuple(name.strip() for name in found if name.strip())


def _is_svg(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return (
        text.startswith(b"<") and re.search(rb"<(\w+:)?svg[\s/>]", text) is not None and not text[:14].lower().startswith(b"<!doctype html")
    )


svg = Reader(name="svg", formats=(Format(name="SVG", suffixes=(".svg",), matches=_is_svg),), open=opened, outlines=outlines)
