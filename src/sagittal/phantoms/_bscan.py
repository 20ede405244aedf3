"""A retinal B-scan as light sees it: layers, lesions, shadows, speckle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.phantoms._surfaces import Eye, Surfaces

Curve = NDArray[np.float32]
Plane = NDArray[np.float32]

# How bright each layer is shown, 0 black to 1 white, from the vitreous down to Bruch's membrane.
_BRIGHTNESS = {
    "vitreous": 0.02,
    "nerve fibres": 0.60,
    "ganglion cells": 0.44,
    "inner nuclear": 0.325,
    "outer plexiform": 0.43,
    "outer nuclear": 0.25,
    "myoid": 0.36,
    "ellipsoid": 0.74,
    "interdigitation": 0.47,
    "pigment epithelium": 0.90,
}
_FLUID = 0.09
_DECADES = 2.6
_FLOOR = 0.115


@dataclass(frozen=True, slots=True, kw_only=True)
class Cyst:
    """A pocket of fluid: centre and half axes in pixels."""

    row: float
    column: float
    tall: float
    wide: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesions:
    """What is wrong with a retina, column by column and pocket by pocket.

    Args:
        beneath: How far the pigment epithelium is lifted off Bruch's membrane.
        filling: How bright what lifts it is.
        fluid: How thick the fluid is between photoreceptors and pigment epithelium.
        swelling: By how much the layers above are thicker.
        atrophy: 0 to 1: how much of the pigment epithelium is gone and lets light through.
        cysts: Pockets within the retina.
        foci: Bright spots ``(row, column)`` that cast a shadow.
    """

    beneath: Curve
    filling: Curve
    fluid: Curve
    swelling: Curve
    atrophy: Curve
    cysts: tuple[Cyst, ...] = ()
    foci: tuple[tuple[float, float], ...] = ()

    @classmethod
    def none(cls, columns: int) -> Lesions:
        """A healthy retina."""
        flat = np.zeros(columns, np.float32)
        return cls(beneath=flat, filling=flat + 0.45, fluid=flat, swelling=flat, atrophy=flat)

    def but(self, **changes: object) -> Lesions:
        """These lesions with some replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


def draw(eye: Eye, surfaces: Surfaces, lesions: Lesions, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The scan, ``(rows, columns)``: reflectivity with speckle, on the logarithmic scale that scanners show."""
    shown = _layers(surfaces, lesions)
    _choroid(shown, eye, surfaces, lesions, rng)
    for cyst in lesions.cysts:
        _pocket(shown, cyst, rng)
    _shadows(shown, surfaces, lesions, rng)
    scan = _speckled(shown, eye, rng)
    if eye.corner:
        _corner(scan, eye)
    return scan


def _layers(surfaces: Surfaces, lesions: Lesions) -> Plane:
    """Each layer's brightness, edges drawn to a fraction of a pixel."""
    rows = np.arange(surfaces.shape[0], dtype=np.float32)[:, None]
    shown = np.full(surfaces.shape, _BRIGHTNESS["vitreous"], np.float32)
    before: Curve | float = _BRIGHTNESS["vitreous"]
    for name, top in surfaces.tops():
        level: Curve | float = _BRIGHTNESS.get(name, _FLUID)
        if name == "pigment epithelium":
            level = (_BRIGHTNESS[name] - 0.35 * lesions.atrophy).astype(np.float32)
        elif name == "beneath":
            level = lesions.filling
        elif name == "choroid":
            level = np.full(surfaces.shape[1], 0.53, np.float32)
        shown += (np.asarray(level, np.float32) - np.asarray(before, np.float32)) * np.clip(rows - top + 0.5, 0, 1)
        before = level
    # a thin line where the photoreceptors' nuclei end: the external limiting membrane
    shown += 0.10 * np.exp(-(((rows - surfaces.limiting) / 1.1) ** 2))
    # the inner surface mirrors the beam where it is level
    shown += 0.16 * np.exp(-(((rows - surfaces.inner - 1.0) / 1.6) ** 2))
    return np.asarray(cv2.GaussianBlur(shown, (0, 0), sigmaX=1.4, sigmaY=0.8), dtype=np.float32)


def _choroid(shown: Plane, eye: Eye, surfaces: Surfaces, lesions: Lesions, rng: np.random.Generator) -> None:
    """Vessels as dark blots, light that fades with depth, and what shines through where the epithelium is gone."""
    rows, columns = surfaces.shape
    below = np.arange(rows, dtype=np.float32)[:, None] - surfaces.base
    blots = cv2.resize(
        rng.standard_normal((rows // 9 + 2, columns // 16 + 2), dtype=np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    thick = eye.choroid
    inside = np.clip(below, 0, 1)
    shining = lesions.atrophy * (0.30 + 0.12 * rng.standard_normal(columns, dtype=np.float32))
    fade = -0.10 - 0.46 * np.clip(below / (3.4 * thick), 0, 1) + shining * np.exp(-np.clip(below, 0, None) / (1.6 * thick))
    texture = 0.11 * np.clip(blots, -1.6, 1.2) * np.clip(1.15 - below / thick, 0, 1)
    shown += inside * (fade + texture)


def _pocket(shown: Plane, cyst: Cyst, rng: np.random.Generator) -> None:
    """Fluid with an uneven edge and a fine bright wall."""
    reach = 1.6
    top, bottom = int(cyst.row - reach * cyst.tall), int(cyst.row + reach * cyst.tall) + 2
    left, right = int(cyst.column - reach * cyst.wide), int(cyst.column + reach * cyst.wide) + 2
    top, left = max(top, 0), max(left, 0)
    part = shown[top:bottom, left:right]
    if part.size == 0:
        return
    y = (np.arange(top, top + part.shape[0], dtype=np.float32)[:, None] - cyst.row) / cyst.tall
    x = (np.arange(left, left + part.shape[1], dtype=np.float32)[None] - cyst.column) / cyst.wide
    turn = np.arctan2(y, x)
    uneven = sum(0.07 * np.sin(k * turn + rng.uniform(0, 6.3)) for k in (2, 3, 5))
    distance = (np.hypot(x, y) - 1 - uneven) * min(cyst.tall, cyst.wide)
    wall = 0.10 * np.exp(-(((distance - 1.2) / 1.2) ** 2))
    inside = 1 / (1 + np.exp(np.clip(2.2 * distance, -30, 30)))
    part += wall + inside * (_FLUID - part)


def _shadows(shown: Plane, surfaces: Surfaces, lesions: Lesions, rng: np.random.Generator) -> None:
    """Vessels of the inner retina and bright foci dim everything below them."""
    rows, columns = surfaces.shape
    depth = np.arange(rows, dtype=np.float32)[:, None]
    place = np.arange(columns, dtype=np.float32)
    dark = np.zeros(columns, np.float32)
    for _ in range(int(rng.integers(3, 9))):
        at, wide = rng.uniform(0, columns), rng.uniform(1.5, 5.0)
        dark += rng.uniform(0.05, 0.17) * np.exp(-(((place - at) / wide) ** 2)).astype(np.float32)
        row = float(np.interp(at, place, surfaces.inner)) + rng.uniform(4, 14)
        _spot(shown, row, at, size=(wide * 0.9, wide), light=0.12)
    for row, at in lesions.foci:
        size = float(rng.uniform(1.4, 2.8))
        _spot(shown, row, at, size=(size, size * 1.3), light=0.5)
        dark += 0.10 * np.exp(-(((place - at) / (size * 1.2)) ** 2)).astype(np.float32)
    shown -= dark * np.clip((depth - surfaces.inner - 12) / 8, 0, 1)


def _spot(shown: Plane, row: float, column: float, *, size: tuple[float, float], light: float) -> None:
    reach = int(3 * max(size)) + 1
    top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
    part = shown[top : int(row) + reach + 1, left : int(column) + reach + 1]
    if part.size:
        y = np.arange(top, top + part.shape[0], dtype=np.float32)[:, None] - np.float32(row)
        x = np.arange(left, left + part.shape[1], dtype=np.float32)[None] - np.float32(column)
        part += light * np.exp(-((y / size[0]) ** 2) - (x / size[1]) ** 2)


def _speckled(shown: Plane, eye: Eye, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Speckle multiplies, detector noise adds, and the scanner shows the logarithm."""
    shape = shown.shape
    grain = cv2.GaussianBlur(rng.standard_exponential(shape, dtype=np.float32), (0, 0), sigmaX=1.0, sigmaY=0.62)
    light = np.power(np.float32(10), (shown * eye.gain - 1) * np.float32(_DECADES)) * grain
    floor = np.float32(10 ** ((_FLOOR * eye.noise - 1) * _DECADES)) * rng.standard_exponential(shape, dtype=np.float32)
    floor += np.float32(0.25) * float(floor.mean())
    back = np.clip(1 + np.log10(light + floor) / np.float32(_DECADES), 0, 1)
    # the contrast at which scanners export: the epithelium nearly white, the vitreous nearly black
    return np.asarray(np.clip(np.power(back, np.float32(1.45)) * 295, 0, 255), dtype=np.uint8)


def _corner(scan: NDArray[np.uint8], eye: Eye) -> None:
    """White where the scanner's own registration turned the picture out of its frame."""
    rows, columns = scan.shape
    edge = eye.corner * rows * (0.5 + eye.corner_slope * (np.arange(columns) / columns - 0.5))
    white = np.arange(rows)[:, None] < edge[None]
    scan[white if not eye.corner_below else white[::-1]] = 255
