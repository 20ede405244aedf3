"""Outlines to SVG: a path an object, in the colour of its class, on a canvas as large as the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import quoteattr

from sagittal.core import Image
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.writers._features import Feature, numbers


@dataclass(kw_only=True, slots=True)
class Shapes:
    """A drawing that grows in a file.

    Args:
        file: Into which; empty.
        shape: Rows and columns of the picture.
        count: Paths in it.
    """

    file: BinaryIO
    shape: tuple[int, ...]
    count: int = 0

    def __post_init__(self) -> None:
        rows, columns = self.shape
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns}" height="{rows}" viewBox="0 0 {columns} {rows}">\n'
        self.file.write(head.encode("ascii"))

    def add(self, found: Iterable[Feature]) -> None:
        """Append hollow outlines."""
        for feature in found:
            self.file.write(f"{_path(feature)}\n".encode())
            self.count += 1

    def end(self) -> None:
        """Nothing follows."""
        self.file.write(b"</svg>\n")


def write_shapes(path: Path, features: Iterable[Feature], shape: tuple[int, ...]) -> int:
    """Write hollow outlines; gives how many. Read again they are filled, holes by even-odd.

    Args:
        path: Ending in ``.svg``.
        features: In drawing order; they need not be in memory at once.
        shape: Rows and columns of the picture.

    Raises:
        StorageFailure: Disk full, read-only, not permitted.
    """
    with atomic.writing(path) as file:
        made = Shapes(file=file, shape=shape)
        made.add(features)
        made.end()
    return made.count


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
