"""Outlines drawn in SVG: polygons, paths, rectangles, circles; an outline without fill encloses what it goes around."""

from __future__ import annotations

import contextlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Labels, Polygons
from sagittal.core.polygons import Outline
from sagittal.errors import Refused, UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._curves import length, numbers, rings
from sagittal.io.readers._outlines import class_of, opened, parsed_xml, plain
from sagittal.io.readers._svg_style import Style
from sagittal.io.readers._svg_tree import Box, Shape, shapes

_HEAD = 1 << 16


def outlines(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Polygons:
    """The outlines in an SVG file, in the world of the picture they were drawn on.

    A shape belongs to the class that its ``class``, ``id``, ``data-class`` or label names, or one of its groups, or whose
    colour it is drawn in; where there is one foreground class, to that. ``fill="none"`` is filled: it is an outline.
    ``use``, symbols and inner canvases are followed within the file, simple style sheets hold, and what is not displayed
    is no outline. Content of a symbol is not cut at its edges.

    Args:
        path: The file.
        part: Not used: a file has one canvas.
        labels: The classes.
        like: The picture; a view box of another size is scaled to it when it has the same shape.
        limits: For the size of the file.

    Raises:
        UnreadableInput: Broken, entities, over a limit, or with parts that would silently be lost or misread: a reference to
            another file, a style selector that is not simple, a clip path or mask that cuts.
        Refused: A shape of no known class, or a canvas of another shape than ``like``.
    """
    root = parsed_xml(path, limits, roots=("svg",), what="SVG")
    with decoding(path, "SVG"):
        _check_alone(path)
        box = _box(root)
        to_world = _canvas(box, like, path)
        drawn = shapes(root, path, box or (0.0, 0.0, 0.0, 0.0))
        found = tuple(_outline(shape, labels, to_world, path) for shape in drawn)
    return Polygons(outlines=tuple(o for o in found if o is not None), labels=labels)


def _outline(shape: Shape, labels: Labels, to_world: NDArray[np.float64], path: Path) -> Outline | None:
    matrix = to_world @ shape.transform
    curves = tuple(ring for ring in rings(shape.element, matrix, path, shape.size) if len(ring) >= 3)
    if not curves:
        return None
    if not all(np.isfinite(ring).all() for ring in curves):
        raise UnreadableInput("BROKEN", path, "a coordinate is not a number", "copy it again from its source")
    rule: Literal["evenodd", "nonzero"] = "evenodd" if shape.style.get("fill-rule") == "evenodd" else "nonzero"
    colours = tuple(filter(None, (_colour(_painted(shape.style, key)) for key in ("fill", "stroke"))))
    name = class_of(shape.called.names, colours, labels, path)
    signs = (*shape.called.signs, *(("colour", colour) for colour in colours[:1]))
    return None if name is None else Outline(rings=curves, name=name, rule=rule, signs=signs)


def _check_alone(path: Path) -> None:
    """Refuse a file whose style lies in another one.

    Raises:
        UnreadableInput: It names a style sheet of its own.
    """
    with path.open("rb") as file:
        if b"<?xml-stylesheet" in plain(file.read(_HEAD)):
            raise UnreadableInput("UNSUPPORTED", path, "a style sheet in another file is not read", "save plain outlines (plain SVG)")


def _box(root: Element) -> Box | None:
    """The canvas in the root's coordinates; None where the file does not say."""
    box = numbers(root.get("viewBox", ""))
    if len(box) == 4 and box[2] > 0 and box[3] > 0:
        return box[0], box[1], box[2], box[3]
    sizes = [None if "%" in (text := root.get(key, "")) else length(text) for key in ("width", "height")]
    return (0.0, 0.0, sizes[0], sizes[1]) if sizes[0] and sizes[1] and min(sizes[0], sizes[1]) > 0 else None


def _canvas(box: Box | None, like: Geometry | None, path: Path) -> NDArray[np.float64]:
    """From the root's coordinates to the world of the picture."""
    move = np.eye(3)
    if box is not None:
        move[:2, 2] = [-box[0], -box[1]]
    if like is None:
        return move
    edges = np.abs(like.to_world([s - 0.5 for s in like.shape]) - like.to_world([-0.5] * like.axes))
    if box is None or np.allclose(edges, box[2:], atol=1.0):
        return move
    ratio = edges / box[2:]
    if not np.isclose(ratio[0], ratio[1], rtol=0.01):
        what = f"its canvas is {box[2]:g} x {box[3]:g}, the picture {edges[0]:g} x {edges[1]:g}: they have not the same shape"
        raise Refused("MASK_SIZE", path, what, "draw on the picture itself")
    return np.diag([*ratio, 1.0]) @ move


def _painted(style: Style, key: str) -> str:
    """A paint, with ``currentColor`` looked up."""
    value = style.get(key, "")
    return style.get("color", "") if value.lower() == "currentcolor" else value


@lru_cache(maxsize=256)
def _colour(text: str) -> str:
    """``#rrggbb`` of a colour however it is written; empty for none.

    >>> _colour("lime"), _colour("#0f0"), _colour("rgb(0, 255, 0)"), _colour("none"), _colour("url(#a)")
    ('#00ff00', '#00ff00', '#00ff00', '', '')
    """
    if text in {"", "none", "transparent"} or text.startswith(("url(", "context-")):
        return ""
    text = text.partition(" icc-color")[0]
    import svgelements

    with contextlib.suppress(ValueError):
        colour = svgelements.Color(text)
        if colour.value is not None and colour.red is not None:
            return f"#{colour.red:02x}{colour.green:02x}{colour.blue:02x}"
    return ""


def _is_svg(head: bytes) -> bool:
    text = plain(head)
    return (
        text.startswith(b"<") and re.search(rb"<(\w+:)?svg[\s/>]", text) is not None and not text[:14].lower().startswith(b"<!doctype html")
    )


svg = Reader(name="svg", formats=(Format(name="SVG", suffixes=(".svg",), matches=_is_svg),), open=opened, outlines=outlines)
