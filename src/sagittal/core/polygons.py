"""Outlines in the plane, and what lies inside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.core._fill import fill as fill
from sagittal.core.annotation import IGNORE
from sagittal.core.drawn import Drawn
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outline:
    """One closed outline: rings of world points ``(n, 2)``, the class, how holes are told, and by what it may be known.

    ``signs`` are pairs of a kind (``class``, ``layer``, ``name``, ``id``, ``colour``) and what the drawing itself says, the most
    telling first.
    """

    rings: tuple[NDArray[np.float64], ...]
    name: str
    rule: Literal["evenodd", "nonzero"] = "evenodd"
    signs: tuple[tuple[str, str], ...] = ()

    @property
    def told(self) -> str:
        """What the drawing itself calls its class; empty where it says nothing but an id."""
        return next((value for kind, value in self.signs if kind != "id"), "")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Polygons(Drawn):
    """Outlines in the plane; a sample belongs to an outline when its centre lies inside.

    Later outlines lie on top of earlier ones. Where no outline is, the class is the background.

    >>> square = Outline(rings=(np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]]),), name="tumour")
    >>> labels = Labels(classes=("tissue", "tumour"), background="tissue")
    >>> Polygons(outlines=(square,), labels=labels).mask_of(Geometry.picture((4, 4))).sum()
    np.int64(4)
    """

    outlines: tuple[Outline, ...]
    labels: Labels
    least_share: float = 0.0

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        """Class indices, ``region.shape``."""
        objects, classes = self.instances_of(region)
        ground = self.labels.index(self.labels.background) if self.labels.background is not None else IGNORE
        drawn: NDArray[np.int16] = np.concatenate([np.array([ground], np.int16), classes])[objects]
        return drawn

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """Each outline is an object; its number is its place in ``outlines``, from 1."""
        objects = np.zeros(region.shape, dtype=np.int32)
        ends = np.cumsum([len(ring) for outline in self.outlines for ring in outline.rings], dtype=np.int64)
        if ends.size and ends[-1]:
            points = region.to_index(np.concatenate([ring for outline in self.outlines for ring in outline.rings]))
            every = iter(np.split(points, ends[:-1]))
            for number, outline in enumerate(self.outlines, start=1):
                self._draw(objects, [next(every) for _ in outline.rings], number, outline.rule)
        classes = np.array([self.labels.index(o.name) for o in self.outlines], dtype=np.int16)
        return objects, classes

    def _draw(self, objects: NDArray[np.int32], rings: list[NDArray[np.float64]], number: int, rule: Literal["evenodd", "nonzero"]) -> None:
        """Fill the part of one outline that lies in the region."""
        rings = [ring for ring in rings if len(ring)]
        if not rings:
            return
        low = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0))
        high = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)) + 1
        (top, left), (bottom, right) = (np.clip(corner, 0, objects.shape).astype(int).tolist() for corner in (low, high))
        if top < bottom and left < right:
            inside = fill([ring - (top, left) for ring in rings], (bottom - top, right - left), rule=rule)
            objects[top:bottom, left:right][inside] = number
