"""A tile of stained tissue: what haematoxylin and eosin absorb, nucleus by nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Points = NDArray[np.float64]

# Optical density of red, green and blue: Ruifrok & Johnston, Anal. Quant. Cytol. Histol. 23 (2001).
_HAEMATOXYLIN = np.array([0.65, 0.70, 0.29], np.float32)
_EOSIN = np.array([0.072, 0.99, 0.105], np.float32)
_ROUND = 16  # farther from a tumour than its cells and its soft edge reach
_SHIFT = 4  # OpenCV draws in sixteenths of a pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Stain:
    """How strongly one patient's slide is stained."""

    blue: float
    pink: float
    light: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Stain:
        """A laboratory by chance."""
        return cls(blue=float(rng.uniform(0.85, 1.2)), pink=float(rng.uniform(0.8, 1.25)), light=float(rng.uniform(0.93, 1.0)))


def outline(centre: tuple[float, float], radius: float, rng: np.random.Generator, *, ragged: float = 0.2) -> Points:
    """A closed wavy curve around a centre ``(x, y)``, ``(n, 2)``."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = sum(ragged / k * np.sin(k * turn + rng.uniform(0, 6.3)) for k in range(2, 7))
    return np.stack([centre[0] + radius * (1 + waves) * np.cos(turn), centre[1] + radius * (1 + waves) * np.sin(turn)], axis=1)


def tile(size: tuple[int, int], tumours: list[Points], stain: Stain, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of tissue with tumour inside the given outlines, ``(rows, columns, 3)``."""
    return stained(*planes(size, tumours, rng), stain, rng)


def planes(size: tuple[int, int], tumours: list[Points], rng: np.random.Generator) -> tuple[Plane, Plane]:
    """How much haematoxylin and how much eosin lies where, drawn in one piece; see :func:`stained`."""
    blue, pink = np.zeros(size, np.float32), _stroma(size, rng)
    inside = np.zeros(size, np.uint8)
    for points in tumours:
        cv2.fillPoly(inside, [_fixed(points)], 1, shift=_SHIFT)
    taken = cv2.dilate(inside, np.ones((9, 9), np.uint8)) > 0
    _scattered(blue, taken, rng)
    for centre, radius in _gland_places(size, taken, rng):
        _gland(blue, pink, centre, radius, rng)
    if tumours:
        (left, top), (right, bottom) = (np.concatenate(tumours).min(axis=0) - _ROUND, np.concatenate(tumours).max(axis=0) + _ROUND)
        around = slice(max(int(top), 0), max(int(bottom), 0)), slice(max(int(left), 0), max(int(right), 0))
        _tumour(blue[around], pink[around], inside[around] > 0, rng)
    return blue, pink


def _stroma(size: tuple[int, int], rng: np.random.Generator) -> Plane:
    """Collagen: wavy fibres of eosin with pale gaps."""
    rows, columns = size
    y, x = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)
    bend = 26 * _cloud(size, 64, rng)
    turn = rng.uniform(0, np.pi)
    along = x * float(np.cos(turn)) + y * float(np.sin(turn)) + bend
    fibres = np.sin(along / 3.1 + 2.5 * _cloud(size, 18, rng)) + 0.6 * np.sin(along / 6.7 + 3 * _cloud(size, 30, rng))
    return np.asarray(
        np.clip(0.36 + 0.055 * fibres + 0.07 * _cloud(size, 40, rng) + 0.03 * _cloud(size, 3, rng), 0.03, 1), dtype=np.float32
    )


def _scattered(blue: Plane, taken: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Spindle cells and lymphocytes of the stroma."""
    rows, columns = blue.shape
    for _ in range(rows * columns // 900):
        x, y = rng.uniform(0, columns), rng.uniform(0, rows)
        if taken[int(y), int(x)]:
            continue
        if rng.random() < 0.75:
            _nucleus(blue, (x, y), (rng.uniform(3.5, 6.5), rng.uniform(1.0, 1.8)), rng.uniform(0, 180), rng.uniform(0.5, 0.8))
        else:
            _nucleus(blue, (x, y), (rng.uniform(2.2, 3.0), rng.uniform(2.2, 3.0)), 0, rng.uniform(0.9, 1.2))


def _gland_places(size: tuple[int, int], taken: NDArray[np.bool_], rng: np.random.Generator) -> list[tuple[tuple[float, float], float]]:
    """Where healthy glands lie: off the tumour and off each other."""
    found: list[tuple[tuple[float, float], float]] = []
    known = np.empty((size[0] * size[1] // 3000, 3))
    for _ in range(len(known)):
        x, y, radius = rng.uniform(0, size[1]), rng.uniform(0, size[0]), rng.uniform(15, 27)
        ring = np.linspace(0, 2 * np.pi, 16)
        at_y = np.clip(y + 1.25 * radius * np.sin(ring), 0, size[0] - 1).astype(int)
        at_x = np.clip(x + 1.25 * radius * np.cos(ring), 0, size[1] - 1).astype(int)
        others = known[: len(found)]
        apart = bool((np.hypot(x - others[:, 0], y - others[:, 1]) > 1.15 * (radius + others[:, 2])).all())
        if apart and not taken[at_y, at_x].any() and not taken[int(y), int(x)]:
            known[len(found)] = x, y, radius
            found.append(((x, y), radius))
    return found


def _gland(blue: Plane, pink: Plane, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> None:
    """A ring of cells around an empty middle, nuclei in one row at the base."""
    wall = outline(centre, radius, rng, ragged=0.08)
    middle = np.array(centre) + 0.42 * (wall - np.array(centre))
    cv2.fillPoly(pink, [_fixed(wall)], 0.22, lineType=cv2.LINE_AA, shift=_SHIFT)
    cv2.fillPoly(blue, [_fixed(wall)], 0.10, lineType=cv2.LINE_AA, shift=_SHIFT)
    for plane in (pink, blue):
        cv2.fillPoly(plane, [_fixed(middle)], 0.015, lineType=cv2.LINE_AA, shift=_SHIFT)
    for turn in np.arange(0, 2 * np.pi, 5.6 / radius):
        reach = radius * rng.uniform(0.78, 0.88)
        place = (centre[0] + reach * np.cos(turn), centre[1] + reach * np.sin(turn))
        _nucleus(blue, place, (rng.uniform(3.0, 3.9), rng.uniform(1.9, 2.4)), np.degrees(turn) + rng.normal(0, 12), rng.uniform(0.7, 0.95))


def _tumour(blue: Plane, pink: Plane, inside: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Crowded, large, uneven nuclei in bluish cytoplasm, with slits for lumens."""
    if not inside.any():
        return
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.2)
    pink += soft * (0.27 + 0.05 * _cloud(blue.shape, 9, rng) - pink)
    blue += soft * (0.20 + 0.05 * _cloud(blue.shape, 7, rng))
    step = 7.6
    for y in np.arange(0, blue.shape[0], step):
        for x in np.arange(0, blue.shape[1], step):
            at = (x + rng.normal(0, 2.0), y + rng.normal(0, 2.0))
            row, column = int(at[1]), int(at[0])
            if 0 <= row < blue.shape[0] and 0 <= column < blue.shape[1] and inside[row, column] and rng.random() < 0.93:
                size = rng.uniform(2.9, 5.2)
                _nucleus(blue, at, (size, size * rng.uniform(0.6, 0.95)), rng.uniform(0, 180), rng.uniform(0.75, 1.3))


def _nucleus(blue: Plane, at: tuple[float, float], size: tuple[float, float], turn: float, dark: float) -> None:
    centre = (round(at[0] * 2**_SHIFT), round(at[1] * 2**_SHIFT))
    axes = (max(round(size[0] * 2**_SHIFT), 1), max(round(size[1] * 2**_SHIFT), 1))
    cv2.ellipse(blue, centre, axes, float(turn), 0, 360, float(dark), thickness=-1, lineType=cv2.LINE_AA, shift=_SHIFT)


def stained(blue: Plane, pink: Plane, stain: Stain, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Beer-Lambert: light through both stains, slightly out of focus, with the grain of a camera."""
    chromatin = 1 + 0.16 * _cloud(blue.shape, 2, rng)
    density = stain.blue * (blue * chromatin)[..., None] * _HAEMATOXYLIN + stain.pink * pink[..., None] * _EOSIN
    light = cv2.GaussianBlur(stain.light * np.exp(-1.25 * density), (0, 0), 0.7)
    grain = 0.008 * rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(np.clip((light + grain) * 255, 0, 255), dtype=np.uint8)


def _cloud(size: tuple[int, int], length: float, rng: np.random.Generator) -> Plane:
    """Smooth noise of this correlation length, of standard deviation about 0.7."""
    small = rng.standard_normal((int(size[0] / length) + 3, int(size[1] / length) + 3), dtype=np.float32)
    return np.asarray(cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.round(points * 2**_SHIFT), dtype=np.int32)
