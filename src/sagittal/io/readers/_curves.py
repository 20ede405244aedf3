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
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def rings(element: Element, matrix: NDArray[np.float64], path: Path) -> Iterator[NDArray[np.float64]]:
    """The closed curves of a shape as points ``(n, 2)``, moved by a matrix; curves become chords."""
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
        drawn = kinds[kind](element.get("d", "")) if kind == "path" else kinds[kind](dict(element.attrib), transform="")
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


def _moved(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved
