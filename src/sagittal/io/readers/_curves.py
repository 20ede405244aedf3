"""The shapes of SVG as rings of points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput

_FLATNESS = 0.02  # of a pixel, between a curve and its chords
_FULL = {"x": 0, "y": 1, "width": 0, "height": 1, "cx": 0, "cy": 1, "rx": 0, "ry": 1, "r": 2}
"""Of which length of its canvas a percentage is: width, height, or the diagonal of a square as large."""

_UNITS = {"px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "Q": 96 / 101.6, "pt": 96 / 72, "pc": 16.0}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def rings(element: Element, matrix: NDArray[np.float64], path: Path, size: tuple[float, float]) -> Iterator[NDArray[np.float64]]:
    """The closed curves of a shape as points ``(n, 2)``, moved by a matrix; curves become chords.

    Args:
        element: The shape.
        matrix: From its coordinates to those of the points.
        path: For messages.
        size: Width and height of the canvas that it is in, of which percentages are.
    """
    kind = tag(element)
    if kind in {"polygon", "polyline"}:
        found = numbers(element.get("points", ""))
        if len(found) % 2:
            raise UnreadableInput("BROKEN", path, "an outline has an odd number of coordinates", "copy it again from its source")
        yield _moved(np.array(found, dtype=np.float64).reshape(-1, 2), matrix)
    else:
        import svgelements

        kinds: dict[str, Any] = {
            "path": svgelements.Path,
            "rect": svgelements.Rect,
            "circle": svgelements.Circle,
            "ellipse": svgelements.Ellipse,
        }
        drawn = kinds[kind](element.get("d", "")) if kind == "path" else kinds[kind](_lengths(element, size), transform="")
        for part in svgelements.Path(drawn).as_subpaths():
            yield _moved(_flat(svgelements.Path(part), matrix), matrix)


def _flat(part: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of a subpath, curves cut into chords that stay within the flatness."""
    import svgelements

    scale = float(np.abs(matrix[:2, :2]).max()) or 1.0
    points: list[tuple[float, float]] = []
    for segment in part:
        if segment.end is None:
            continue
        if isinstance(segment, svgelements.Move | svgelements.Line | svgelements.Close) or segment.start is None:
            points.append((float(segment.end.x), float(segment.end.y)))
            continue
        length = float(segment.length(error=1e-2)) * scale
        # chords of length c stay within c^2 / (8 r); with the radius at least length / 2 pi this many suffice
        n = int(np.clip(np.ceil(np.sqrt(length / _FLATNESS)), 16, 512))
        points += [(float(p.x), float(p.y)) for p in (segment.point(t) for t in np.linspace(0, 1, n + 1)[1:])]
    ring = np.array(points, dtype=np.float64).reshape(-1, 2)
    return ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring


def _lengths(element: Element, size: tuple[float, float]) -> dict[str, float]:
    """The lengths of a rectangle, circle or ellipse; what is ``auto`` is left out."""
    full = (*size, float(np.hypot(*size)) / np.sqrt(2))
    found = {key: length(element.get(key), full[n]) for key, n in _FULL.items()}
    return {key: value for key, value in found.items() if value is not None}


def transform_of(element: Element) -> NDArray[np.float64]:
    """The matrix of the element's own transform, ``(3, 3)``."""
    text = element.get("transform")
    if not text:
        return np.eye(3)
    import svgelements

    m = svgelements.Matrix(text)
    return np.array([[m.a, m.c, m.e], [m.b, m.d, m.f], [0.0, 0.0, 1.0]], dtype=np.float64)


def tag(element: Element) -> str:
    """The name of an element without its name space; empty for comments."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def numbers(text: str) -> list[float]:
    """All numbers in a text, in order.

    >>> numbers("1,2 -.5e1")
    [1.0, 2.0, -5.0]
    """
    return [float(n) for n in _NUMBER.findall(text)]


def length(text: str | None, full: float = 0.0) -> float | None:
    """A length in CSS pixels, of which 96 make an inch; of percentages the share of ``full``; None where it says nothing.

    >>> length("25.4mm"), length("40"), length("50%", 8), length("auto")
    (96.0, 40.0, 4.0, None)
    """
    match = re.fullmatch(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(px|mm|cm|in|pt|pc|Q|%)?\s*", text or "")
    if match is None:
        return None
    return float(match[1]) * (full / 100 if match[2] == "%" else _UNITS[match[2] or "px"])


def _moved(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved
