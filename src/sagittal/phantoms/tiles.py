"""Stained tissue with tumour nests outlined in SVG: the same outlines serve masks, tile classes and boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.phantoms._folder import new_folder, planted, put, rng_of

Floats = NDArray[np.float64]
_STROMA = np.array([232.0, 176.0, 202.0])
_GLAND = np.array([214.0, 160.0, 205.0])
_NEST = np.array([176.0, 118.0, 178.0])
_LUMEN = np.array([246.0, 240.0, 246.0])
_NUCLEUS = np.array([96.0, 56.0, 140.0])


def tiles(out: Path, *, patients: int = 16, tiles: int = 4, size: int = 256, nests: tuple[int, int] = (1, 3), seed: int = 0) -> Path:
    """``patient01_1.png`` and ``patient01_1.svg`` ...: pink stroma, benign glands (not outlined), purple tumour nests (outlined).

    Each nest is one polygon of the class ``tumour``; nests do not touch. Colours vary from patient to patient.

    Args:
        out: A new or empty folder.
        patients: How many, at least 6.
        tiles: Tiles a patient.
        size: Pixels along each side, at least 64.
        nests: The least and most nests that are tried to be placed in a tile.
        seed: The same seed gives the same bytes.

    Returns:
        ``out``.

    Raises:
        UsageError: Too few patients or pixels, or ``out`` is not empty.
        StorageFailure: ``out`` cannot be written.

    >>> folder = tiles(getfixture("tmp_path") / "tissue", patients=6, tiles=1, size=64)
    >>> sorted(p.name for p in folder.iterdir())[:2]
    ['patient01_1.png', 'patient01_1.svg']
    """
    if patients < 6 or size < 64 or tiles < 1:
        raise UsageError("TOO_FEW", f"patients={patients}, size={size}", "they cannot be split by patient, or drawn", "take 6, 64 or more")
    out = new_folder(out)
    for person in range(1, patients + 1):
        stain = rng_of(seed, person).normal(0, 7, 3)
        for number in range(1, tiles + 1):
            rng = rng_of(seed, person, number)
            outlines = _places(size, int(rng.integers(nests[0], nests[1] + 1)), (0.11, 0.2), rng)
            pixels = _tissue(size, outlines, rng) + stain
            name = f"patient{person:02d}_{number}"
            put(out / f"{name}.png", encode_png(np.clip(np.rint(pixels), 0, 255).astype(np.uint8).transpose(2, 0, 1)))
            put(out / f"{name}.svg", _svg(size, outlines).encode())
    planted(out, "tiles", seed, {"patients": patients, "tiles": tiles, "size": size, "classes": ["tumour"]})
    return out


def _places(size: int, count: int, radii: tuple[float, float], rng: np.random.Generator, taken: list[Floats] | None = None) -> list[Floats]:
    """Outlines ``(n, 2)`` of ``(x, y)`` that lie inside the tile and apart from each other and from what is taken."""
    discs = [(ring.mean(axis=0), float(np.ptp(ring, axis=0).max()) / 2) for ring in taken or ()]
    found: list[Floats] = []
    for _ in range(12 * count):
        if len(found) == count:
            break
        radius = size * rng.uniform(*radii)
        centre = rng.uniform(1.25 * radius, size - 1.25 * radius, 2)
        if all(np.hypot(*(centre - c)) > 1.2 * (radius + r) for c, r in discs):
            discs.append((centre, radius))
            found.append(_blob(centre, radius, rng))
    return found


def _blob(centre: Floats, radius: float, rng: np.random.Generator) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    waves = np.sum([rng.uniform(0, 0.10) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5)], axis=0)
    ring: Floats = centre + (radius * (1 + waves))[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return ring


def _tissue(size: int, nests: list[Floats], rng: np.random.Generator) -> Floats:
    """Colours ``(size, size, 3)``."""
    unit = size / 256
    fibres = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), sigmaX=9 * unit, sigmaY=2.5 * unit)
    pixels = _STROMA + 12 * (fibres / fibres.std())[..., None] * np.array([0.6, 1.0, 0.8])
    _nuclei(pixels, rng.uniform(0, size, (int(40 * rng.uniform(0.7, 1.3)), 2)), (2.4 * unit, 1.1 * unit), rng)
    for ring in _places(size, int(rng.integers(2, 5)), (0.06, 0.1), rng, taken=nests):
        _filled(pixels, ring, _GLAND)
        centre = ring.mean(axis=0)
        _filled(pixels, centre + 0.45 * (ring - centre), _LUMEN)
        _nuclei(pixels, centre + 0.85 * (ring[::3] - centre), (2.6 * unit, 2.2 * unit), rng)
    for ring in nests:
        _filled(pixels, ring, _NEST)
        low, high = ring.min(axis=0), ring.max(axis=0)
        spots = rng.uniform(low, high, (int(np.prod(high - low) / (26 * unit**2)), 2))
        within = [p for p in spots if cv2.pointPolygonTest(ring.astype(np.float32), (float(p[0]), float(p[1])), True) > unit]  # noqa: FBT003
        _nuclei(pixels, np.array(within).reshape(-1, 2), (3.2 * unit, 2.4 * unit), rng)
    soft = cv2.GaussianBlur(pixels, (0, 0), max(0.6 * unit, 0.3))
    noisy: Floats = soft + rng.normal(0, 4, soft.shape)
    return noisy


def _filled(pixels: Floats, ring: Floats, colour: Floats) -> None:
    inside = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(ring).astype(np.int32)], 1)
    pixels[inside == 1] = colour + 0.4 * (pixels[inside == 1] - _STROMA)


def _nuclei(pixels: Floats, centres: Floats, axes: tuple[float, float], rng: np.random.Generator) -> None:
    """Dark ellipses, each of its own shape, angle and depth of stain."""
    inside = np.zeros(pixels.shape[:2], np.uint8)
    for x, y in centres:
        half = [max(1, round(float(a * rng.uniform(0.7, 1.4)))) for a in axes]
        cv2.ellipse(inside, (round(float(x)), round(float(y))), half, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    where = inside == 1
    pixels[where] = 0.25 * pixels[where] + 0.75 * (_NUCLEUS + rng.normal(0, 12))


def _svg(size: int, outlines: list[Floats]) -> str:
    shapes = "".join(f'  <polygon class="tumour" points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in ring)}"/>\n' for ring in outlines)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {size} {size}">\n{shapes}</svg>\n'
