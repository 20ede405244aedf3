"""Outlines to SVG: a path an object, in the colour of its class, on a canvas as large as the picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.writers._features import Feature, numbers


def write_shapes(path: Path, features: Iterable[Feature], shape: tuple[int, ...]) -> int:
    """Write hollow outlines; gives how many. Read again they are filled, holes by even-odd.

    Args:
        path: Ending in ``.svg``.
        features: In drawing order.
        shape: Rows and columns of the picture.

    Raises:
        StorageFailure: Disk full, read-only, not permitted.
    """
    made = [_path(one) for one in features]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{shape[1]}" height="{shape[0]}" viewBox="0 0 {shape[1]} {shape[0]}">'
    atomic.write_text(path, "\n".join([head, *made, "</svg>", ""]))
    return len(made)


def _path(feature: Feature) -> str:
    rings = (ring for polygon in feature.polygons for ring in polygon)
    drawn = " ".join("M" + " ".join(f"{x:.10g},{y:.10g}" for x, y in ring.tolist()) + "Z" for ring in rings)
    name = "" if feature.number is None else f' id="object-{feature.number}"'
    look = f'fill="none" fill-rule="evenodd" stroke="{feature.colour}"'
    return f"  <path{name} data-class={quoteattr(feature.name)} {look} d={quoteattr(drawn)}/>"


def _write(image: Image, path: Path) -> None:
    """The pieces of each number in a map of numbers."""
    write_shapes(path, numbers(image, path), image.geometry.shape)


svg = Writer(name="svg", suffixes=(".svg",), write=_write)
