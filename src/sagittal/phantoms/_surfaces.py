"""Where the layers of a retina lie, from the vitreous to the choroid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float32]
_ROWS, _COLUMNS = 496.0, 512.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Eye:
    """What stays the same in every scan of one patient; lengths in pixels of a scan of 496 rows."""

    depth: float
    tilt: float
    curve: float
    fovea: float
    thickness: float
    pit: float
    nasal: float
    choroid: float
    gain: float
    noise: float
    corner: float
    corner_slope: float
    corner_below: bool

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Eye:
        """A patient by chance; nothing here depends on the disease."""
        return cls(
            depth=float(rng.uniform(0.40, 0.62)),
            tilt=float(rng.normal(0, 26)),
            curve=float(rng.uniform(4, 42)),
            fovea=float(rng.uniform(0.38, 0.62)),
            thickness=float(rng.uniform(0.90, 1.10)),
            pit=float(rng.uniform(0.8, 1.0)),
            nasal=float(rng.choice([-1.0, 1.0])),
            choroid=float(rng.uniform(24, 58)),
            gain=float(rng.uniform(0.93, 1.06)),
            noise=float(rng.uniform(0.75, 1.35)),
            corner=float(rng.uniform(0.02, 0.12)) if rng.random() < 0.35 else 0.0,
            corner_slope=float(rng.uniform(-1, 1)),
            corner_below=bool(rng.random() < 0.3),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """The upper edge of each layer, ``(columns,)`` rows each."""

    shape: tuple[int, int]
    inner: Curve
    edges: tuple[tuple[str, Curve], ...]
    limiting: Curve
    epithelium: Curve
    base: Curve

    def tops(self) -> Iterator[tuple[str, Curve]]:
        """Layer names with their upper edges, downwards."""
        yield from self.edges

    def top(self, name: str) -> Curve:
        """The upper edge of one layer."""
        return dict(self.edges)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """What lesions do to the layers, ``(columns,)`` each: see ``Lesions``."""

    beneath: Curve
    fluid: Curve
    swelling: Curve


def surfaces_of(eye: Eye, lift: Lift, *, shape: tuple[int, int], away: float, rng: np.random.Generator) -> Surfaces:
    """The layers of one scan.

    Args:
        eye: The patient.
        lift: What pushes layers up.
        shape: Rows and columns of the scan.
        away: How far the scan lies from the fovea, 0 to 1: the pit is shallower there.
        rng: For what differs from scan to scan.
    """
    rows, columns = shape
    tall, wide = rows / _ROWS, columns / _COLUMNS
    x = np.linspace(-0.5, 0.5, columns, dtype=np.float32)
    centre = eye.fovea - 0.5 + float(rng.normal(0, 0.02))
    pit = eye.pit * (1 - away) * np.exp(-(((x - centre) / 0.115) ** 2))
    rim = 0.10 * (1 - away) * np.exp(-(((np.abs(x - centre) - 0.21) / 0.10) ** 2))
    lower = rows * eye.depth + tall * (eye.tilt * x - eye.curve * 4 * (x - 0.1) ** 2 + 12 * float(rng.normal(0, 1)))
    base: Curve = (lower + tall * _wander(columns, 1.6, rng)).astype(np.float32)
    scale = tall * eye.thickness
    # what pushes from below thins the outer nuclei first; the inner surface only swells gently
    push = lift.beneath + lift.fluid
    nerve = scale * (8 + 24 * np.clip(eye.nasal * (x - centre), 0, None)) * (1 - 0.95 * pit)
    layers = {
        "nerve fibres": nerve * (1 + rim),
        "ganglion cells": scale * 25 * (1 - 0.93 * pit + rim) + 0.45 * lift.swelling,
        "inner nuclear": scale * 11 * (1 - 0.85 * pit + rim) + 0.15 * lift.swelling,
        "outer plexiform": scale * 7 * (1 - 0.6 * pit),
        "outer nuclear": np.maximum(scale * (19 + 9 * pit) + 0.4 * lift.swelling + _eased(push, 26 * wide) - push, scale * 6),
        "myoid": scale * (6 + 2 * pit),
        "ellipsoid": np.full(columns, scale * 3.6),
        "interdigitation": np.full(columns, scale * 3.4),
    }
    epithelium: Curve = (base - scale * 7 - lift.beneath).astype(np.float32)
    edge = epithelium - lift.fluid
    edges: list[tuple[str, Curve]] = [("choroid", base), ("beneath", epithelium + scale * 7), ("pigment epithelium", epithelium)]
    if float(np.max(lift.fluid)) > 0:
        edges.append(("fluid", edge))
    for name in reversed(layers):
        edge = (edge - layers[name]).astype(np.float32)
        edges.append((name, edge + tall * _wander(columns, 0.5 * wide, rng)))
    found = dict(edges)
    return Surfaces(
        shape=shape,
        inner=found["nerve fibres"],
        edges=tuple(reversed(edges)),
        limiting=found["myoid"],
        epithelium=epithelium,
        base=base,
    )


def _eased(curve: Curve, length: float) -> Curve:
    """The curve spread over this length on both sides."""
    eased = cv2.GaussianBlur(curve[None], (0, 0), sigmaX=length, sigmaY=0.1, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(eased[0], dtype=np.float32)


def _wander(columns: int, size: float, rng: np.random.Generator) -> Curve:
    """A smooth random curve of this standard deviation."""
    knots = rng.standard_normal(columns // 24 + 4)
    place = np.linspace(1, len(knots) - 2, columns)
    near = place.astype(int)
    part = place - near
    smooth = part * part * (3 - 2 * part)
    return np.asarray(size * (knots[near] * (1 - smooth) + knots[near + 1] * smooth), dtype=np.float32)
