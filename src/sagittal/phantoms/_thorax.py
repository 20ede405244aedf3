"""A chest in Hounsfield units: lungs with vessels, heart, aorta, airways, spine, ribs, and nodules of stated diameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sagittal.core import Geometry

AIR, FAT, LUNG, WATER, SOFT, BLOOD, LIVER, NODULE = -1000.0, -100.0, -850.0, 5.0, 45.0, 48.0, 62.0, 40.0
SPONGE, CORTEX = 240.0, 650.0
_TRIES = 200

Volume = NDArray[np.float32]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodule:
    """A ball in a lung: its centre in RAS+ mm and its diameter in mm."""

    centre: Point
    diameter: float


@dataclass(slots=True)
class Chest:
    """A chest that is being drawn; ``wall`` is how deep a voxel lies inside of the ribs, in mm."""

    grid: Geometry
    values: Volume
    at: tuple[Volume, Volume, Volume]
    edge: float
    wall: Volume = field(repr=False)

    def fill(self, inside: NDArray[np.floating], value: float | Volume) -> None:
        """Put a tissue where ``inside`` (mm to its surface) is positive; voxels on the surface hold a part of both."""
        share = np.clip(inside / self.edge + 0.5, 0, 1).astype(np.float32)
        self.values += share * (value - self.values)


def thorax(grid: Geometry, rng: np.random.Generator, *, diameters: Sequence[float] = ()) -> tuple[Volume, NDArray[np.uint8], list[Nodule]]:
    """The values of a chest on a grid, its lungs (1) and its nodules.

    Args:
        grid: In RAS+ mm; the chest lies around the origin, from -145 to 145 mm in height.
        rng: Draws the person and where nodules are.
        diameters: Of the nodules, in mm.
    """
    chest = _begun(grid, rng)
    y = chest.at[1]
    low = rng.uniform(-4, 8)
    both = [_lung(chest, rng, side=side, low=low) for side in (-1.0, 1.0)]
    middle = _middle(chest, rng)
    air = np.maximum(np.minimum(both[0], -middle), np.minimum(both[1], -middle))
    cloud = gaussian_filter(rng.standard_normal(grid.shape, dtype=np.float32), 2.2)
    haze = LUNG - 0.32 * (y + 10) + 120 * cloud  # the back lies below and holds more blood
    chest.fill(air, haze)
    _vessels(chest, rng, air)
    _airways(chest)
    _spine(chest)
    _ribs(chest, rng)
    nodules = _nodules(chest, rng, air, diameters)
    return chest.values, (air > 0).astype(np.uint8), nodules


def _begun(grid: Geometry, rng: np.random.Generator) -> Chest:
    """Air, the couch, skin, fat and muscle."""
    points = grid.points().astype(np.float32)
    x, y, z = (np.ascontiguousarray(points[..., k]) for k in range(3))
    wide, deep = rng.uniform(0.94, 1.06, 2)
    x, y = x / wide, y / deep
    values = np.full(grid.shape, AIR, np.float32)
    edge = float(np.mean(grid.spacing))
    upper = np.clip((z - 60) / 90, 0, 1)
    # depth below a surface whose outline is a rounded box
    reach = ((np.abs(x) / (166 + 10 * upper)) ** 2.6 + (np.abs(y + 6) / (118 - 14 * upper)) ** 2.6) ** (1 / 2.6)
    skin = (1 - reach) * 122
    bend = np.clip(1 - (z - 10) ** 2 / 165**2, 0.02, 1) ** 0.35
    wall = (1 - np.hypot(x / (132 * bend), (y + 4) / (92 * bend))) * 98 * bend
    chest = Chest(grid=grid, values=values, at=(x, y, z), edge=edge, wall=wall)
    couch = 4 - np.abs(y + 132 - 0.0012 * x**2)
    chest.fill(np.minimum(couch, 200 - np.abs(x)), -350.0)
    chest.fill(skin, 20.0)
    chest.fill(skin - 2, FAT)
    strands = gaussian_filter(rng.standard_normal(grid.shape, dtype=np.float32), 9 / edge)
    muscle = np.maximum(skin - 15 - 5 * strands / strands.std(), wall + 17)
    chest.fill(np.minimum(muscle, skin - 4), SOFT)
    chest.fill(wall + 8, FAT + 50)
    chest.fill(wall + 4, SOFT)
    return chest


def _lung(chest: Chest, rng: np.random.Generator, *, side: float, low: float) -> Volume:
    """How deep inside of a lung, in mm; the diaphragm lifts its base."""
    x, y, z = chest.at
    base = _ball((x, y, z), (side * 62, 4, -172 + low + (10 if side > 0 else 0)), (92, 100, 112))
    hull = np.minimum(chest.wall - 1.0, (1 - np.hypot((z + 30) / 168, np.maximum(side * 14 - side * x, 0) / 60)) * 120)
    half = side * x - 8 - 10 * np.clip(-z / 100, 0, 1)
    apex = 134 + rng.uniform(-4, 4) - z - 0.016 * (x - side * 50) ** 2 - 0.008 * (y + 12) ** 2
    found: Volume = np.minimum(np.minimum(hull, half), np.minimum(apex, -base))
    chest.fill(np.minimum(base, chest.wall + 4), LIVER if side > 0 else SOFT)
    return found


def _middle(chest: Chest, rng: np.random.Generator) -> Volume:
    """Heart, great vessels and what lies between the lungs; gives how deep inside of all that."""
    x, y, z = chest.at
    turn = 0.5
    u, v = (x + 26) * np.cos(turn) + (z + 42) * np.sin(turn), -(x + 26) * np.sin(turn) + (z + 42) * np.cos(turn)
    size = rng.uniform(0.92, 1.12)
    heart = _ball((u, y - 22, v), (0, 0, 0), (58 * size, 44 * size, 48 * size))
    column = np.minimum((1 - np.hypot(x / 30, (y + 18) / 68)) * 32, chest.wall + 4)
    descending = np.minimum(12.5 - np.hypot(x + 24, y + 48), 58 - z)
    rising = np.minimum(15.5 - np.hypot(x - 10 + 0.08 * (z - 20), y - 10), np.minimum(62 - z, z + 30))
    # the arch stands upright over the line from the rising to the falling part
    along, aside = (-0.505 * (x - 10) - 0.863 * (y - 10)), (0.863 * (x - 10) - 0.505 * (y - 10))
    arch = np.minimum(13.5 - np.hypot(np.hypot(along - 33.6, 1.6 * (z - 56)) - 33.6, aside), z - 54)
    stem = np.minimum(13 - np.hypot(y - 14 - 0.2 * (x + 12), z - 14), 34 - np.abs(x + 6))
    vessels = np.maximum(np.maximum(descending, rising), np.maximum(arch, stem))
    veins = np.minimum(10 - np.hypot(x - 28, y - 2), np.minimum(105 - z, z + 20))
    whole: Volume = np.maximum(np.maximum(np.maximum(heart, column), vessels), veins)
    chest.fill(whole, FAT + 70)
    chest.fill(column - 12, SOFT - 10)
    chest.fill(heart, SOFT)
    chest.fill(heart - 10, BLOOD)
    chest.fill(np.maximum(vessels, veins), BLOOD + 4)
    return whole


def _ball(at: Sequence[Volume], centre: Sequence[float], radii: Sequence[float]) -> Volume:
    """About how many mm inside of an ellipsoid; negative outside."""
    own = [(a - c) / r for a, c, r in zip(at, centre, radii, strict=True)]
    square = own[0] ** 2 + own[1] ** 2 + own[2] ** 2
    slope = sum((o / r) ** 2 for o, r in zip(own, radii, strict=True))
    reach = np.sqrt(square)
    return np.asarray((1 - reach) * reach / np.sqrt(slope + 1e-9), dtype=np.float32)


def _airways(chest: Chest) -> None:
    x, y, z = chest.at
    tube = np.minimum(9.0 - np.hypot(x - 1, y + 14), z - 22)
    for side, slant in ((1.0, 0.75), (-1.0, 0.5)):
        down = np.clip(22 - z, 0, None)
        tube = np.maximum(
            tube, np.minimum(6.8 - 0.8 * np.hypot(x - 1 - side * down / slant, y + 14 + 0.1 * down), np.minimum(24 - z, z + 8))
        )
    chest.fill(tube + 1.8, SOFT)
    chest.fill(tube, AIR)


def _spine(chest: Chest) -> None:
    """Vertebrae every 25 mm with discs between them, arches and processes around the canal."""
    x, y, z = chest.at
    up = np.abs((z + 8) % 25 - 12.5)
    body = np.minimum(17 - np.hypot(x * 0.92, (y + 74) * 1.05), 10.3 - up)
    chest.fill(17.5 - np.hypot(x * 0.92, (y + 74) * 1.05), 85.0)
    back = np.minimum(np.minimum(4.5 + 0 * y - np.abs(x), np.minimum(y + 116, -98 - y)), 9 - up)
    wings = np.minimum(np.minimum(5.5 - np.abs(y + 96 + 0.25 * np.abs(x)), 34 - np.abs(x)), 6.5 - up)
    arch = np.minimum(15 - np.hypot(x, y + 95), 9 - up)
    for bone in (body, back, wings, arch):
        chest.fill(bone, CORTEX)
        chest.fill(bone - 2.2, SPONGE)
    chest.fill(8.5 - np.hypot(x, y + 95), 25.0)


def _ribs(chest: Chest, rng: np.random.Generator) -> None:
    """Twelve pairs that fall from the spine to the front, where they turn to cartilage; the breastbone; shoulder blades."""
    x, y, z = chest.at
    front = np.arctan2(y + 4, np.abs(x) / 1.4)  # -pi/2 at the back, pi/2 at the front
    fall = 52 * (np.sin(front) + 1) / 2
    between = (z + fall + 12 + rng.uniform(-4, 4)) % 26 - 13
    within = 4.6 - np.hypot(between * 0.62, chest.wall + 7)
    within = np.minimum(within, np.minimum(112 - z, z + 150 + 0 * x))
    bone = np.minimum(within, (1.02 - front) * 60)
    cartilage = np.minimum(within, np.minimum((front - 1.02) * 60, z + 70))
    chest.fill(cartilage, 110.0)
    chest.fill(np.minimum(bone, 3 + np.abs(x) - 14), CORTEX)
    chest.fill(np.minimum(bone - 2.0, 3 + np.abs(x) - 14), SPONGE)
    plate = np.minimum(np.minimum(19 - np.abs(x), 5.5 - np.abs(chest.wall + 7)), np.minimum(np.minimum(y - 20, 85 - z), z + 62))
    blade = np.minimum(np.minimum(3.5 - np.abs(chest.wall + 26), 46 - np.hypot(np.abs(x) - 96, z - 72)), -30 - y)
    for flat in (plate, blade):
        chest.fill(flat, CORTEX - 150)
        chest.fill(flat - 2.2, SPONGE)


def _vessels(chest: Chest, rng: np.random.Generator, air: Volume) -> None:
    """Trees that branch from each hilum into the lung, thinner at every fork."""
    for side in (-1.0, 1.0):
        ends = [
            (np.array([side * 20.0, -4.0, 8.0 + 11 * k]), _unit(np.array([side, rng.normal(0, 0.5), 0.9 * k])), 6.6) for k in (-2, -1, 0, 1)
        ]
        while ends:
            start, way, radius = ends.pop()
            stop = start + way * rng.uniform(11, 19) * (radius / 4) ** 0.35
            place = np.clip(np.round(chest.grid.to_index(stop)), 0, np.array(chest.grid.shape) - 1).astype(int)
            _segment(chest, air, start, stop, radius)
            if radius < 1.0 or (air[tuple(place)] < -4 and radius < 5):
                continue
            for share in (rng.uniform(0.78, 0.88), rng.uniform(0.58, 0.76)):
                bent = _unit(way + rng.normal(0, 0.38, 3) + 0.10 * np.array([side, 0, 0]))
                ends.append((stop, bent, radius * share))


def _segment(chest: Chest, air: Volume, start: NDArray[np.float64], stop: NDArray[np.float64], radius: float) -> None:
    box = _box(chest.grid, np.minimum(start, stop) - radius - chest.edge, np.maximum(start, stop) + radius + chest.edge)
    if box is None or not (air[box] > 2).any():
        return
    own = [a[box] for a in chest.at]
    way = stop - start
    along = np.clip(sum((a - s) * w for a, s, w in zip(own, start, way, strict=True)) / (way @ way), 0, 1)
    far = np.sqrt(sum((a - s - along * w) ** 2 for a, s, w in zip(own, start, way, strict=True)))
    # thinner than a voxel it is a part of one, not an edge
    share = np.clip((radius - far) / chest.edge + 0.5, 0, 1) * min(1.0, (2 * radius / chest.edge) ** 0.7)
    share *= np.clip(air[box] / 2, 0, 1)
    chest.values[box] += share * (BLOOD - chest.values[box])


def _nodules(chest: Chest, rng: np.random.Generator, air: Volume, diameters: Sequence[float]) -> list[Nodule]:
    """Balls of the stated diameters, each wholly inside of a lung and apart from the others."""
    found: list[Nodule] = []
    for diameter in diameters:
        places = np.argwhere(air > diameter / 2 + 3)
        for _ in range(_TRIES if len(places) else 0):
            centre = chest.grid.to_world(places[rng.integers(len(places))] + rng.uniform(-0.5, 0.5, 3))
            if all(np.linalg.norm(centre - n.centre) > (diameter + n.diameter) / 2 + 6 for n in found):
                box = _box(chest.grid, centre - diameter, centre + diameter)
                if box is not None:
                    world = _world(chest.grid, box)
                    far = np.linalg.norm(world - centre, axis=-1)
                    share = np.clip((diameter / 2 - far) / chest.edge + 0.5, 0, 1).astype(np.float32)
                    chest.values[box] += share * (NODULE - chest.values[box])
                    found.append(Nodule(centre=(float(centre[0]), float(centre[1]), float(centre[2])), diameter=float(diameter)))
                    break
    return found


def _world(grid: Geometry, box: tuple[slice, ...]) -> NDArray[np.float64]:
    index = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), axis=-1)
    return grid.to_world(index)


def _box(grid: Geometry, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, ...] | None:
    """The part of the grid that holds a box of the world; None where none of it does."""
    ends = grid.to_index(np.array([low, high]))
    start = np.clip(np.floor(ends.min(axis=0)), 0, grid.shape).astype(int)
    stop = np.clip(np.ceil(ends.max(axis=0)) + 1, 0, grid.shape).astype(int)
    return tuple(slice(a, b) for a, b in zip(start, stop, strict=True)) if (stop > start).all() else None


def _unit(way: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(way / np.linalg.norm(way))
