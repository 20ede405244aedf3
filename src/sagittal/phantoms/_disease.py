"""What each retinal disease does to a scan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sagittal.phantoms._bscan import Cyst, Lesions, draw
from sagittal.phantoms._surfaces import Eye, Lift, Surfaces, surfaces_of

Curve = NDArray[np.float32]


def scan(disease: str, eye: Eye, *, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One B-scan of an eye with ``CNV``, ``DME``, ``DRUSEN`` or ``NORMAL``: uint8 of this shape."""
    away = float(rng.uniform(0, 1)) ** 1.5
    lesions = _LESIONS[disease](eye, shape, rng)
    lift = Lift(beneath=lesions.beneath, fluid=lesions.fluid, swelling=lesions.swelling)
    surfaces = surfaces_of(eye, lift, shape=shape, away=away, rng=rng)
    return draw(eye, surfaces, _within(disease, lesions, surfaces, rng), rng)


def _normal(eye: Eye, shape: tuple[int, int], rng: np.random.Generator) -> Lesions:
    return Lesions.none(shape[1])


def _drusen(eye: Eye, shape: tuple[int, int], rng: np.random.Generator) -> Lesions:
    """Small mounds under the pigment epithelium, around the fovea."""
    tall, wide = shape[0] / 496, shape[1] / 512
    beneath = np.zeros(shape[1], np.float32)
    for _ in range(int(rng.integers(4, 14))):
        at = shape[1] * (eye.fovea + rng.normal(0, 0.17))
        beneath = np.maximum(beneath, _mound(shape[1], at, rng.uniform(7, 26) * wide, rng.uniform(5, 18) * tall))
    filling = np.full(shape[1], rng.uniform(0.42, 0.6), np.float32)
    return Lesions.none(shape[1]).but(beneath=beneath, filling=filling)


def _cnv(eye: Eye, shape: tuple[int, int], rng: np.random.Generator) -> Lesions:
    """New vessels: a large uneven detachment of the pigment epithelium, fluid above it, light through its gaps."""
    tall, wide = shape[0] / 496, shape[1] / 512
    at = shape[1] * float(np.clip(eye.fovea + rng.normal(0, 0.12), 0.22, 0.78))
    half = rng.uniform(38, 92) * wide
    height = rng.uniform(20, 52) * tall
    ragged = 1 + 0.22 * _noise(shape[1], 9 * wide, rng)
    beneath = _mound(shape[1], at, half, height) * ragged + _mound(shape[1], at + rng.normal(0, half), half * 0.35, height * 0.5)
    serous = rng.random() < 0.45
    filling = np.full(shape[1], rng.uniform(0.10, 0.18) if serous else rng.uniform(0.38, 0.55), np.float32)
    fluid = np.zeros(shape[1], np.float32)
    if rng.random() < 0.75:
        side = at + rng.choice([-1.0, 1.0]) * half * rng.uniform(0.3, 1.1)
        fluid = _mound(shape[1], side, half * rng.uniform(0.7, 1.3), rng.uniform(10, 30) * tall)
    near = _mound(shape[1], at, half * 1.2, 1.0)
    patchy = np.clip(_noise(shape[1], 5 * wide, rng) - 0.1, 0, 1)
    return Lesions.none(shape[1]).but(
        beneath=np.clip(beneath, 0, None).astype(np.float32),
        filling=filling,
        fluid=fluid,
        swelling=_mound(shape[1], at, half * 1.5, rng.uniform(5, 24) * tall),
        atrophy=(near * patchy * rng.uniform(0.5, 1.0)).astype(np.float32),
    )


def _dme(eye: Eye, shape: tuple[int, int], rng: np.random.Generator) -> Lesions:
    """Swelling from within; the pigment epithelium stays flat. The pockets follow once the layers are known."""
    tall, wide = shape[0] / 496, shape[1] / 512
    at = shape[1] * float(np.clip(eye.fovea + rng.normal(0, 0.07), 0.25, 0.75))
    swelling = _mound(shape[1], at, rng.uniform(80, 150) * wide, rng.uniform(30, 85) * tall)
    fluid = np.zeros(shape[1], np.float32)
    if rng.random() < 0.25:
        fluid = _mound(shape[1], at, rng.uniform(30, 60) * wide, rng.uniform(6, 14) * tall)
    return Lesions.none(shape[1]).but(swelling=swelling, fluid=fluid)


_LESIONS: dict[str, Callable[[Eye, tuple[int, int], np.random.Generator], Lesions]] = {
    "CNV": _cnv,
    "DME": _dme,
    "DRUSEN": _drusen,
    "NORMAL": _normal,
}


def _within(disease: str, lesions: Lesions, surfaces: Surfaces, rng: np.random.Generator) -> Lesions:
    """Pockets and bright foci, which lie in layers that only now have a place."""
    if disease == "DME":
        count = int(rng.integers(5, 16))
        return lesions.but(cysts=_cysts(surfaces, lesions.swelling, count, rng), foci=_foci(surfaces, int(rng.integers(2, 16)), rng))
    if disease == "CNV" and rng.random() < 0.4:
        return lesions.but(cysts=_cysts(surfaces, lesions.swelling, int(rng.integers(1, 4)), rng))
    return lesions


def _cysts(surfaces: Surfaces, swelling: Curve, count: int, rng: np.random.Generator) -> tuple[Cyst, ...]:
    """Pockets side by side where the swelling is, tall ones in the outer nuclear layer, small ones above."""
    columns = surfaces.shape[1]
    wide = columns / 512
    weight = np.clip(swelling, 0, None).astype(np.float64) ** 2
    if weight.sum() == 0:
        return ()
    taken: list[Cyst] = []
    for _ in range(count * 3):
        column = float(rng.choice(columns, p=weight / weight.sum()))
        outer = rng.random() < 0.65
        top = surfaces.top("outer nuclear" if outer else "inner nuclear")[int(column)]
        bottom = surfaces.top("myoid" if outer else "outer plexiform")[int(column)]
        space = float(bottom - top)
        tall = space * rng.uniform(0.26, 0.46)
        across = float(min(tall * rng.uniform(0.4, 0.95), 26 * wide))
        row = float((top + bottom) / 2 + space * rng.uniform(-0.06, 0.06))
        apart = all(abs(column - c.column) > 1.06 * (across + c.wide) or abs(row - c.row) > 1.06 * (tall + c.tall) for c in taken)
        if tall > 2.5 and across > 2 and apart:
            taken.append(Cyst(row=row, column=column, tall=tall, wide=across))
        if len(taken) == count:
            break
    return tuple(taken)


def _foci(surfaces: Surfaces, count: int, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """Hard exudates between the ganglion cells and the outer nuclei."""
    found = []
    for _ in range(count):
        column = float(rng.uniform(0.15, 0.85) * surfaces.shape[1])
        top = surfaces.top("ganglion cells")[int(column)]
        bottom = surfaces.top("myoid")[int(column)]
        found.append((float(rng.uniform(top, bottom)), column))
    return tuple(found)


def _mound(columns: int, at: float, half: float, height: float) -> Curve:
    """A dome of this half width that meets the ground smoothly."""
    x = np.clip(np.abs(np.arange(columns) - at) / (1.5 * half), 0, 1)
    return np.asarray(height * (1 - x**2) ** 2, dtype=np.float32)


def _noise(columns: int, length: float, rng: np.random.Generator) -> Curve:
    """Random values of this correlation length, about -1 to 1."""
    knots = rng.normal(0, 0.6, int(columns / length) + 3)
    return np.asarray(np.interp(np.arange(columns) / length, np.arange(len(knots)), knots), dtype=np.float32)
