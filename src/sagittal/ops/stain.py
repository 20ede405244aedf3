"""Stains of tissue: how much of which dye there is, and one laboratory's colours as another's.

By the law of Beer and Lambert ``light = exp(-density)``, and the density of a pixel is the sum over stains of how much there is
times the stain's own colour. Rows of a stain matrix are those colours, haematoxylin first, each of length 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["macenko", "reinhard", "vahadane"]
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

LUMINOSITY = 0.8
"""Pixels of at least this lightness (of CIELAB, 0 to 1) are glass."""

ANGLE = 99.0
"""Percentile of the angles in the plane of most variance that a pure stain has (Macenko)."""

MOST_AMOUNT = 99.0
"""Percentile of the amount of a stain that is brought to the target's."""

SPARSE = 0.01
"""Penalty on the amounts of stains in a pixel."""

LEARNT_SPARSE = 0.1
"""The same while colours are learnt (Vahadane)."""

LEARNT = 50_000
"""Pixels of tissue that colours are learnt from, evenly spread (Vahadane)."""

_START = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])
_MOST_ROUNDS, _STILL = 500, 1e-6
_DENSITY = np.maximum(-np.log(np.maximum(np.arange(256), 1) / 255.0), 1e-6)

LEAST = 100
"""Fewer pixels of tissue tell nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stains:
    """What an image's colours are, as far as normalisation goes.

    Args:
        method: By which they were measured.
        matrix: Colours of haematoxylin and eosin, two rows of three; empty for ``reinhard``.
        most: The 99th percentile of how much of each there is; for ``reinhard`` the means of L, a and b.
        spread: For ``reinhard`` the standard deviations of L, a and b; else empty.
    """

    method: Method
    matrix: tuple[tuple[float, ...], ...] = ()
    most: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Stains:
        """From plain lists, as JSON gives them."""
        return cls(
            method=record["method"],
            matrix=tuple(tuple(row) for row in record["matrix"]),
            most=tuple(record["most"]),
            spread=tuple(record["spread"]),
        )


def stains_of(picture: Bytes, method: Method) -> Stains | None:
    """The stains of a picture ``(3, rows, columns)`` of bytes; None where there is too little tissue to tell.

    Source: Macenko et al., ISBI 2009; Vahadane et al., IEEE TMI 35 (2016); Reinhard et al., IEEE CG&A 21 (2001); the choices
    that the papers leave open (tissue below a lightness of .8, natural logarithm, amounts of at least 0 and sparse, 99th
    percentiles, bytes of CIELAB) are those of StainTools, whose pictures these are within rounding.
    """
    pixels = np.ascontiguousarray(picture.reshape(3, -1).T)
    if method == "reinhard":
        lab = _lab(pixels)
        return Stains(method=method, most=tuple(lab.mean(axis=0).tolist()), spread=tuple(lab.std(axis=0).tolist()))
    tissue = pixels[_lightness(pixels) < LUMINOSITY]
    if len(tissue) < LEAST:
        return None
    matrix = (_macenko if method == "macenko" else _vahadane)(density(tissue))
    if matrix is None:
        return None
    most = np.percentile(amounts(pixels, matrix), MOST_AMOUNT, axis=0)
    return Stains(method=method, matrix=tuple(tuple(row) for row in matrix.tolist()), most=tuple(most.tolist()))


def normalised(picture: Bytes, own: Stains, target: Stains) -> Bytes:
    """A picture ``(3, rows, columns)``, or a part of the one whose stains are ``own``, in the colours of ``target``.

    Raises:
        ValueError: The two were measured by different methods.
    """
    if own.method != target.method:
        raise ValueError(f"stains by {own.method} and by {target.method} do not go together")
    pixels = np.ascontiguousarray(picture.reshape(3, -1).T)
    if own.method == "reinhard":
        made = _reinhard(pixels, own, target)
    else:
        scale = np.asarray(target.most) / np.maximum(np.asarray(own.most), 1e-9)
        light = np.exp(-(amounts(pixels, np.asarray(own.matrix)) * scale) @ np.asarray(target.matrix))
        made = np.clip(255 * light, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(made.T).reshape(picture.shape)


def density(pixels: Bytes) -> Floats:
    """Optical density of bytes, to base e; black counts as 1, and nothing is below a millionth.

    >>> density(np.array([[255, 94, 0]], np.uint8)).round(2).tolist()
    [[0.0, 1.0, 5.54]]
    """
    found: Floats = _DENSITY[pixels]
    return found


def amounts(pixels: Bytes, matrix: Floats) -> Floats:
    """How much of each stain pixels ``(n, 3)`` have, ``(n, 2)``: what explains them best, at least 0, and little of it."""
    return _sparse(density(pixels), matrix, SPARSE)


def _sparse(densities: Floats, matrix: Floats, penalty: float) -> Floats:
    """Amounts ``a >= 0`` with the least ``|density - a @ matrix|^2 / 2 + penalty * sum(a)``, in closed form for two stains."""
    gram = matrix @ matrix.T
    near = densities @ matrix.T - penalty
    size = np.diag(gram)
    both = near @ np.array([[gram[1, 1], -gram[0, 1]], [-gram[0, 1], gram[0, 0]]]) / max(np.linalg.det(gram), 1e-12)
    # Where one of them would be below 0, the better of either alone is the least
    alone = np.maximum(near, 0) / size
    better = (alone**2 * size).argmax(axis=1)
    alone[np.arange(len(alone)), 1 - better] = 0
    found: Floats = np.where((both >= 0).all(axis=1, keepdims=True), both, alone)
    return found


def _macenko(densities: Floats) -> Floats | None:
    """The two directions at the ends of the cone that densities fill in their plane of most variance."""
    _, vectors = np.linalg.eigh(np.cov(densities, rowvar=False))
    plane = vectors[:, [2, 1]]
    plane = plane * np.where(plane[0] < 0, -1.0, 1.0)
    projected = densities @ plane
    angle = np.arctan2(projected[:, 1], projected[:, 0])
    ends = np.percentile(angle, [100 - ANGLE, ANGLE])
    colours = np.stack([plane @ [np.cos(a), np.sin(a)] for a in ends])
    return _ordered(colours)


def _vahadane(densities: Floats) -> Floats | None:
    """Two colours of which few are needed for each pixel: dictionary learning with amounts and colours of at least 0.

    Amounts and colours are found in turns, the latter one after the other (Mairal et al., JMLR 11 (2010), algorithm 2).
    """
    seen = densities[:: max(1, len(densities) // LEARNT)]
    colours = _START / np.linalg.norm(_START, axis=1, keepdims=True)
    for _ in range(_MOST_ROUNDS):
        found = _sparse(seen, colours, LEARNT_SPARSE)
        gram, told = found.T @ found, found.T @ seen
        before = colours.copy()
        for k, weight in enumerate(np.diag(gram)):
            if weight > 0:
                moved = np.maximum(colours[k] + (told[k] - gram[k] @ colours) / weight, 0)
                colours[k] = moved / max(1.0, float(np.linalg.norm(moved)))
        if np.abs(colours - before).max() < _STILL:
            break
    return _ordered(colours)


def _ordered(colours: Floats) -> Floats | None:
    """Haematoxylin, which absorbs more red, first; rows of length 1."""
    lengths = np.linalg.norm(colours, axis=1, keepdims=True)
    if not np.isfinite(colours).all() or (lengths <= 0).any():
        return None
    found: Floats = (colours if colours[0, 0] > colours[1, 0] else colours[::-1]) / lengths
    return found


def _lightness(pixels: Bytes) -> Floats:
    import cv2

    return np.asarray(cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0, :, 0], dtype=np.float64) / 255.0


def _lab(pixels: Bytes) -> Floats:
    """CIELAB of bytes, in bytes as OpenCV gives it, scaled to 0 to 100 and about 0."""
    import cv2

    found: Floats = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0].astype(np.float64)
    return found / [2.55, 1.0, 1.0] - [0.0, 128.0, 128.0]


def _reinhard(pixels: Bytes, own: Stains, target: Stains) -> Bytes:
    import cv2

    scale = np.asarray(target.spread) / np.maximum(np.asarray(own.spread), 1e-9)
    moved = (_lab(pixels) - np.asarray(own.most)) * scale + np.asarray(target.most)
    stored = np.clip((moved + np.array([0.0, 128.0, 128.0])) * np.array([2.55, 1.0, 1.0]), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(stored[None], cv2.COLOR_LAB2RGB)[0], dtype=np.uint8)
