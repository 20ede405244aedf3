"""The shapes that an SVG file draws: groups, ``use``, symbols and inner canvases are followed, what is hidden is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput
from sagittal.io.readers._curves import length, numbers, rings, tag, transform_of
from sagittal.io.readers._svg_names import Called, called
from sagittal.io.readers._svg_style import Sheet, Style

SHAPES = frozenset({"polygon", "polyline", "path", "rect", "circle", "ellipse"})
_HIDDEN = frozenset(
    {"defs", "clipPath", "mask", "symbol", "pattern", "marker", "metadata", "title", "desc", "style", "script", "foreignObject"}
)
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_MOST_ELEMENTS = 200_000
_MOST_DEPTH = 64
_MOST_CUTS = 8
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_ALIGNED = {"Min": 0.0, "Mid": 0.5, "Max": 1.0}

Matrix = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """An element that is drawn, with all that it inherits.

    Args:
        element: As it stands in the file.
        transform: From its coordinates to the root's.
        called: By what names.
        style: What holds for it.
        size: Width and height of the canvas that it is in, of which percentages are.
    """

    element: Element
    transform: Matrix
    called: Called
    style: Style
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an element stands: what it inherits, how deep it is, through which references it was reached."""

    transform: Matrix
    called: Called
    style: Style
    size: tuple[float, float]
    depth: int = 1
    through: tuple[str, ...] = ()


def shapes(root: Element, path: Path, box: Box) -> Iterator[Shape]:
    """Every drawn element, in drawing order.

    Args:
        root: Of the file.
        path: For messages.
        box: The canvas in the root's coordinates: x, y, width and height.

    Raises:
        UnreadableInput: Over a limit; a reference to itself, to nothing or to another file; a clip path or mask that cuts.
    """
    sheet = Sheet.of(root, path)
    named = {name: element for element in root.iter() if (name := element.get("id")) is not None}
    style = sheet.of_element(root, {})
    start = _Place(transform=np.eye(3), called=Called(), style=style, size=box[2:])
    stack = [(child, start) for child in reversed(root)] if style.get("display") != "none" else []
    count = 0
    while stack:
        element, place = stack.pop()
        kind = _kind(element)
        count += 1
        if count > _MOST_ELEMENTS or place.depth > _MOST_DEPTH:
            what = f"more than {_MOST_ELEMENTS:,} elements, or {_MOST_DEPTH} levels, references followed"
            raise UnreadableInput("OVER_LIMIT", path, what, "simplify it")
        if kind in _HIDDEN or not kind:
            continue
        here = _inside(element, place, sheet, path)
        if here.style.get("display") == "none":
            continue
        if kind in SHAPES or kind == "use" or len(element):
            _check_cut(here, named, box, path)
        if kind == "use":
            stack.append(_used(element, here, named, path))
        elif kind in SHAPES:
            if here.style.get("visibility") not in {"hidden", "collapse"}:
                yield Shape(element, here.transform, here.called, here.style, here.size)
        elif kind == "svg":
            stack.extend((child, _viewed(element, element, here)) for child in reversed(element))
        elif kind == "switch":
            # the first child that can be shown is; of Illustrator's it is the plain drawing
            shown = [child for child in element if _kind(child) and child.get("requiredExtensions") is None]
            stack.extend((child, here) for child in shown[:1])
        else:
            stack.extend((child, here) for child in reversed(element))


def _kind(element: Element) -> str:
    """The name of an SVG element; empty for those of other programs, and for comments."""
    name = tag(element)
    return name if name and (element.tag == name or element.tag == _NAMESPACE + name) else ""


def _inside(element: Element, place: _Place, sheet: Sheet, path: Path) -> _Place:
    """The place of an element's own content."""
    if element.get("transform") and (element.get("transform-origin") or "transform-origin" in element.get("style", "")):
        _lost(path, "a 'transform-origin'")
    return replace(
        place,
        transform=place.transform @ transform_of(element),
        called=called(element, place.called, shape=_kind(element) in SHAPES),
        style=sheet.of_element(element, place.style),
        depth=place.depth + 1,
    )


def _used(element: Element, place: _Place, named: Mapping[str, Element], path: Path) -> tuple[Element, _Place]:
    """What a ``use`` draws, moved to where it draws it."""
    link = next((text.strip() for key in _HREFS if (text := element.get(key)) is not None), "")
    name = link.removeprefix("#")
    if not link.startswith("#") or name not in named:
        what = "in another file" if link and not link.startswith("#") else "that does not exist"
        _lost(path, f"a 'use' of an element {what}")
    if name in place.through:
        raise UnreadableInput("UNSAFE", path, "a 'use' draws itself, without end", "save plain outlines")
    shift = np.eye(3)
    shift[:2, 2] = [length(element.get("x"), place.size[0]) or 0.0, length(element.get("y"), place.size[1]) or 0.0]
    moved = replace(place, transform=place.transform @ shift, through=(*place.through, name))
    target = named[name]
    if _kind(target) in {"symbol", "svg"}:
        group = Element("g", {k: v for k, v in target.attrib.items() if k not in {"x", "y", "width", "height", "viewBox", "id"}})
        group.extend(list(target))
        return group, _viewed(target, element, moved, shifted=True)
    return target, moved


def _viewed(canvas: Element, sized: Element, place: _Place, *, shifted: bool = False) -> _Place:
    """The place of the content of an inner canvas: its view box brought onto its size.

    Args:
        canvas: Whose view box it is.
        sized: Whose width and height hold; the canvas's own where it says none.
        place: Of the canvas.
        shifted: Its ``x`` and ``y`` do not count.
    """
    given = [length(sized.get(key) or canvas.get(key), full) for key, full in zip(("width", "height"), place.size, strict=True)]
    width, height = (full if own is None else own for own, full in zip(given, place.size, strict=True))
    move = np.eye(3)
    if not shifted:
        move[:2, 2] = [length(canvas.get("x"), place.size[0]) or 0.0, length(canvas.get("y"), place.size[1]) or 0.0]
    box = numbers(canvas.get("viewBox", ""))
    if len(box) == 4 and box[2] > 0 and box[3] > 0:
        move = move @ fitted(box, (width, height), canvas.get("preserveAspectRatio", ""))
        width, height = box[2], box[3]
    return replace(place, transform=place.transform @ move, size=(width, height), depth=place.depth + 1)


def fitted(box: list[float], size: tuple[float, float], how: str) -> Matrix:
    """From a view box to a canvas of this size, as ``preserveAspectRatio`` says.

    >>> fitted([0, 0, 10, 10], (40, 20), "").tolist()
    [[2.0, 0.0, 10.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]
    """
    across, down = size[0] / box[2], size[1] / box[3]
    free = (0.0, 0.0)
    if not how.strip().startswith("none"):
        across = down = max(across, down) if "slice" in how else min(across, down)
        told = re.search(r"x(Min|Mid|Max)Y(Min|Mid|Max)", how)
        along = (_ALIGNED[told[1]], _ALIGNED[told[2]]) if told else (0.5, 0.5)
        free = (along[0] * (size[0] - across * box[2]), along[1] * (size[1] - down * box[3]))
    return np.array([[across, 0, free[0] - across * box[0]], [0, down, free[1] - down * box[1]], [0, 0, 1.0]])


def _check_cut(place: _Place, named: Mapping[str, Element], box: Box, path: Path) -> None:
    """Refuse what cuts shapes; a clip path around the whole canvas, as drawing programs write it, cuts nothing.

    Raises:
        UnreadableInput: A mask, or a clip path that leaves out a part of the canvas.
    """
    masked = place.style.get("mask", "none")
    if masked != "none":
        _lost(path, f"a mask {masked[:40]!r}")
    cut = place.style.get("clip-path", "none")
    if cut == "none":
        return
    found = re.fullmatch(r"url\(\s*['\"]?#([^'\")]+)['\"]?\s*\)", cut)
    target = named.get(found[1].strip()) if found else None
    if target is None or _kind(target) != "clipPath" or not _holds(target, place, box, path):
        _lost(path, f"a clip path {cut[:40]!r} that cuts outlines")


def _holds(clip: Element, place: _Place, box: Box, path: Path) -> bool:
    """Whether a clip path is one plain rectangle that the whole canvas lies in."""
    inner = [child for child in clip[:_MOST_CUTS] if _kind(child) in SHAPES | {"use", "text"}]
    plain = (
        len(clip) <= _MOST_CUTS
        and len(inner) == 1
        and _kind(inner[0]) == "rect"
        and clip.get("clipPathUnits", "userSpaceOnUse") == "userSpaceOnUse"
    )
    if not plain:
        return False
    matrix = place.transform @ transform_of(clip) @ transform_of(inner[0])
    corners = next(iter(rings(inner[0], matrix, path, place.size)), np.zeros((0, 2)))
    upright = np.allclose(matrix[0, 1], 0) and np.allclose(matrix[1, 0], 0)
    low, size = np.array(box[:2]), np.array(box[2:])
    margin = 1e-3 * size.max()
    around = len(corners) == 4 and (corners.min(axis=0) <= low + margin).all() and (corners.max(axis=0) >= low + size - margin).all()
    return bool(upright and around)


def _lost(path: Path, what: str) -> NoReturn:
    raise UnreadableInput(
        "UNSUPPORTED", path, f"{what} is not read, and outlines would be lost or misread", "save plain outlines (plain SVG)"
    )
