"""A head: folded cortex, ventricles, deep nuclei, cerebellum, skull and scalp, on a grid of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sagittal.core import Geometry

TISSUES = ("air", "CSF", "GM", "WM", "bone", "fat", "muscle", "lesion")
_LOW, _HIGH = np.array([-88.0, -106.0, -88.0]), np.array([88.0, 104.0, 88.0])

Volume = NDArray[np.float32]
Floats = NDArray[np.float64]
_Ball = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What makes one head differ from another, in mm."""

    size: Floats
    ventricles: float
    shrunken: float
    turn: Floats
    centre: Floats

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Person:
        """Anybody."""
        yaw, nod, tilt = rng.normal(0, 0.08, 3)
        turn = _turned(yaw, (0, 1)) @ _turned(nod, (1, 2)) @ _turned(tilt, (0, 2))
        return cls(
            size=rng.uniform(0.93, 1.05, 3),
            ventricles=float(rng.uniform(0.75, 1.35)),
            shrunken=float(rng.uniform(0.7, 1.3)),
            turn=turn,
            centre=rng.normal(0, 2.5, 3),
        )

    @property
    def to_world(self) -> Floats:
        """From the head's own millimetres to the scanner's, ``(4, 4)``."""
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = self.turn * self.size, self.centre
        return affine


def head(person: Person, rng: np.random.Generator, *, step: float, cortex: float, lesions: int = 0) -> tuple[NDArray[np.uint8], Geometry]:
    """Tissues, numbers as in ``TISSUES``, on a grid in the head's own millimetres.

    The cortex is a sheet of constant thickness below a folded surface. Folds lie at the zero surfaces of a smooth random
    field, as deep as 17 mm; the distance to such a surface is the field by its gradient.

    Args:
        person: Whose.
        rng: Draws folds and lesions.
        step: Of the grid, in mm.
        cortex: Thickness in mm; folds are wider apart where it is thicker.
        lesions: How many spots in the white matter.
    """
    shape = tuple(int(n) for n in np.ceil((_HIGH - _LOW) / step))
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = _LOW
    grid = Geometry(shape=shape, affine=affine, unit="mm", frame="patient")
    at = [np.asarray((_LOW[k] + step * np.arange(shape[k])).reshape([-1 if k == a else 1 for a in range(3)]), np.float32) for k in range(3)]
    x, y, z = at
    side, scale = np.abs(x), cortex / 3.0
    cerebrum = np.minimum(_depth(at, (0, 0, 4), (63 - 0.07 * y, 80, 58)), z + 22 + 0.004 * y**2 - 0.1 * side)
    cerebrum = np.maximum(cerebrum, _depth([side, y, z], (37, 6, -24), (21, 38, 18)))
    cerebellum = np.minimum(_depth([side, y, z], (20, -50, -35), (29, 29, 22)), 2 + 0 * x + 0 * y - 0.25 * (y + 50) - (z + 14) * 0.9)
    stem = _depth(at, (0, -22, -52), (13, 12, 42))
    brain = np.maximum(np.maximum(cerebrum, cerebellum), stem)
    tissue = _outside(at, brain)
    slit = 0.55 * person.shrunken * scale
    pial = np.minimum(_folded(at, cerebrum, rng, step=step, scale=scale), np.minimum(*_fissures(at)) - 0.4 * scale) - slit
    pial = np.minimum(pial, cerebrum)
    for surface, inside, thick in ((pial, cerebrum, cortex), (_leaves(at, cerebellum, scale), cerebellum, 0.8 * cortex)):
        within = inside > 0
        tissue[within] = np.where(surface[within] <= 0, 1, np.where(surface[within] < thick, 2, 3))
    tissue[(stem > 0) & (cerebrum < 6) & (cerebellum < 0)] = 3
    _deep(tissue, at, person.ventricles)
    for _ in range(lesions):
        _spot(tissue, at, rng)
    return tissue, grid


def _depth(at: Sequence[Volume], centre: Sequence[float], radii: Sequence[float | Volume]) -> Volume:
    """About how many mm inside of an ellipsoid; negative outside."""
    own = [(a - c) / r for a, c, r in zip(at, centre, radii, strict=True)]
    square = own[0] ** 2 + own[1] ** 2 + own[2] ** 2
    slope = (own[0] / radii[0]) ** 2 + (own[1] / radii[1]) ** 2 + (own[2] / radii[2]) ** 2
    reach = np.sqrt(square)
    return np.asarray((1 - reach) * reach / np.sqrt(slope + 1e-9), dtype=np.float32)


def _outside(at: Sequence[Volume], brain: Volume) -> NDArray[np.uint8]:
    """Everything around the brain: scalp, muscle, bone, and the water in which it floats."""
    x, y, z = at
    skin = np.maximum(_depth(at, (0, 0, -4), (77, 96, 79)), np.minimum(_depth(at, (0, -14, -60), (58, 62, 400)), -z - 30))
    found = np.zeros(brain.shape, np.uint8)
    found[skin > 0] = 5
    found[(skin > 4) & (z + 0 * x + 0 * y < -22)] = 6
    bone = (brain > -9) & (skin > 3) & (z - 0.18 * y + 0 * x > -44)
    found[bone] = 4
    found[bone & (brain > -6.6) & (brain < -5.0)] = 5  # marrow between two tables of bone
    found[(brain > -3) & (skin > 6)] = 1
    return found


def _folded(at: Sequence[Volume], depth: Volume, rng: np.random.Generator, *, step: float, scale: float) -> Volume:
    """Distance to the nearest fold."""
    wave = gaussian_filter(rng.standard_normal(depth.shape, dtype=np.float32), 4.3 * scale / step, mode="wrap", truncate=3)
    wave += 0.35 * gaussian_filter(wave, 3.5 * scale / step, mode="wrap", truncate=3)
    slope = sum((g**2 for g in np.gradient(wave, step)), np.float32(1e-12))
    reach = np.abs(wave) / np.sqrt(slope)
    return np.asarray(np.hypot(np.minimum(reach, 30), np.maximum(depth - 17, 0)), dtype=np.float32)


def _fissures(at: Sequence[Volume]) -> tuple[Volume, Volume]:
    """Distances to the cleft between the hemispheres, which ends above the corpus callosum, and to the lateral ones."""
    x, y, z = at
    arch = 24 - 0.011 * (y + 2) ** 2
    between = np.hypot(x, np.maximum(arch - z, 0))
    lateral = np.hypot(z + 7 - 0.25 * y, np.maximum(34 - np.abs(x), 0) + np.maximum(np.abs(y + 2) - 34, 0))
    return np.asarray(between, dtype=np.float32), np.asarray(lateral, dtype=np.float32)


def _leaves(at: Sequence[Volume], depth: Volume, scale: float) -> Volume:
    """Distance to the surface between the leaves of the cerebellum."""
    _, y, z = at
    period = 9.0 * scale
    around = np.hypot(y + 20, z + 28)
    leaf = np.abs((around / period) % 1 - 0.5) * period
    return np.minimum(np.hypot(leaf, np.maximum(depth - 9, 0)) - 0.35 * scale, depth).astype(np.float32)


def _deep(tissue: NDArray[np.uint8], at: Sequence[Volume], ventricles: float) -> None:
    """Nuclei of grey matter, then the ventricles."""
    x, y, z = at
    sides = [np.abs(x), y, z]
    capsule = _depth(sides, (16, 2, 4), (22, 40, 26)) > 0
    tissue[capsule & ((tissue == 1) | (tissue == 2))] = 3
    nuclei: list[_Ball] = [((12, -10, 3), (9, 13, 9)), ((15, 18, 9), (5, 14, 9)), ((27, 5, 1), (6, 18, 11)), ((24, -18, -24), (6, 15, 5))]
    v = ventricles
    horns: list[_Ball] = [((7 + 2 * v, -4, 17), (4.5 * v, 27, 6 * v)), ((10, 24, 12), (4 * v, 12, 8 * v))]
    horns += [((21, -40, 6), (5 * v, 16, 6.5 * v)), ((0, -8, 2), (2.0 * v, 12, 8)), ((0, -38, -36), (6 * v, 5, 7))]
    for number, balls in ((2, nuclei), (1, horns)):
        for centre, radii in balls:
            tissue[_depth(sides, centre, radii) > 0] = number
    tissue[(np.abs(x) < 1.3) & (np.abs(y - 6) < 24) & (np.abs(z - 14) < 7)] = 3  # the wall between the horns


def _spot(tissue: NDArray[np.uint8], at: Sequence[Volume], rng: np.random.Generator) -> None:
    """A lesion in the white matter beside the ventricles."""
    side = rng.choice([-1.0, 1.0])
    centre = (side * rng.uniform(18, 36), rng.uniform(-46, 34), rng.uniform(14, 34))
    radii = rng.uniform(3.5, 8.5) * rng.uniform(0.7, 1.3, 3)
    tissue[(_depth(at, centre, radii.tolist()) > 0) & (tissue == 3)] = 7


def _turned(angle: float, plane: tuple[int, int]) -> Floats:
    turn = np.eye(3)
    a, b = plane
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return turn
