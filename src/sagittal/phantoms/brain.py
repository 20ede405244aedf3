"""Brains in thick slices, stored every way round: volumes and label maps of three tissues."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.errors import UsageError
from sagittal.phantoms._folder import new_folder, planted, put, rng_of

CLASSES = ("background", "CSF", "GM", "WM")
_HALF = np.array([66.0, 82.0, 58.0])
_FIELD = np.array([160.0, 192.0, 144.0])
_BRIGHT = (30.0, 90.0, 300.0, 420.0)


def brain(out: Path, *, patients: int = 12, spacing: float = 4.0, thickness: float = 9.0, seed: int = 0) -> Path:
    """``image_01.nii.gz`` and ``label_01.nii.gz`` ..., with ``dataset.json`` naming the numbers of the label maps.

    T1-like: dark fluid, grey cortex with folds, bright white matter, fluid in the middle; a bias field and noise. Slices are
    thick, for every other patient a third thicker; the axes are stored in any order and direction, and the affine says which.

    Args:
        out: A new or empty folder.
        patients: How many, at least 6.
        spacing: Of the samples in a slice, in mm.
        thickness: Of a slice, in mm.
        seed: The same seed gives the same bytes.

    Returns:
        ``out``.

    Raises:
        UsageError: Too few patients, or ``out`` is not empty.
        StorageFailure: ``out`` cannot be written.

    >>> folder = brain(getfixture("tmp_path") / "heads", patients=6, spacing=16, thickness=24)
    >>> io.read(folder / "image_01.nii.gz").geometry.unit
    'mm'
    """
    if patients < 6:
        raise UsageError("TOO_FEW", f"patients={patients}", "they cannot be split", "take 6 or more")
    out = new_folder(out)
    stored = []
    for person in range(1, patients + 1):
        rng = rng_of(seed, person)
        step = np.array([spacing, spacing, thickness * (1 if person % 2 else 4 / 3)])
        grid = _grid(step, rng)
        tissue = _tissue(grid, rng)
        bright = _bright(tissue, grid, rng)
        turn = [int(a) for a in rng.permutation(3)], [bool(rng.integers(2)) for _ in range(3)]
        for name, values in (("image", bright), ("label", tissue)):
            io.write(_turned(values, grid, *turn), out / f"{name}_{person:02d}.nii.gz")
        stored.append({"case": f"image_{person:02d}", "axes": turn[0], "flipped": turn[1], "thickness": float(step[2])})
    put(out / "dataset.json", json.dumps({"labels": {str(i): name for i, name in enumerate(CLASSES)}}).encode())
    planted(out, "brain", seed, {"patients": patients, "classes": list(CLASSES), "stored": stored})
    return out


def _grid(step: NDArray[np.float64], rng: np.random.Generator) -> Geometry:
    """A grid of right, anterior and superior axes around the origin of the world."""
    shape = np.round(_FIELD / step).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = np.diag(step)
    affine[:3, 3] = -step * (shape - 1) / 2 + rng.normal(0, 4, 3)
    return Geometry(shape=tuple(int(n) for n in shape), affine=affine, unit="mm", frame="patient")


def _tissue(grid: Geometry, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Class indices ``shape``: a shell of fluid, a folded cortex, white matter, ventricles."""
    point = grid.points() / (_HALF * rng.uniform(0.93, 1.07, 3))
    depth = np.sqrt((point**2).sum(axis=-1))
    angle = np.arctan2(point[..., 1], point[..., 0])
    folds = 0.045 * np.cos(9 * angle + rng.uniform(0, 6)) * np.cos(6 * point[..., 2] + rng.uniform(0, 6))
    middle = np.minimum(*(((point - [side * 0.16, 0.05, 0.1]) / [0.11, 0.36, 0.22]).__pow__(2).sum(axis=-1) for side in (-1, 1)))
    tissue = np.zeros(grid.shape, np.uint8)
    tissue[depth < 1.0] = 1
    tissue[depth < 0.92 + folds / 2] = 2
    tissue[depth < 0.70 + folds] = 3
    tissue[(middle < 1) & (tissue == 3)] = 1
    return tissue


def _bright(tissue: NDArray[np.uint8], grid: Geometry, rng: np.random.Generator) -> NDArray[np.int16]:
    """What a scanner makes of it: blurred by half a sample, shaded from side to side, noisy."""
    bright = np.array(_BRIGHT)[tissue] * rng.uniform(0.85, 1.15)
    shade = 1 + 0.15 * (grid.points() / _FIELD * rng.normal(0, 1, 3)).sum(axis=-1)
    noisy = ndimage.gaussian_filter(bright, 0.45) * shade + rng.normal(0, 18, bright.shape)
    stored: NDArray[np.int16] = np.clip(np.rint(noisy), 0, 4000).astype(np.int16)
    return stored


def _turned(values: NDArray[np.generic], grid: Geometry, axes: list[int], flipped: list[bool]) -> Image:
    """The same volume with its axes stored in another order and direction; it keeps its place in the world."""
    stored = values.transpose(axes)
    affine = np.eye(4)
    affine[:3, :3] = grid.affine[:3, :3][:, axes]
    affine[:3, 3] = grid.affine[:3, 3]
    for axis, turned in enumerate(flipped):
        if turned:
            affine[:3, 3] += affine[:3, axis] * (stored.shape[axis] - 1)
            affine[:3, axis] *= -1
            stored = np.flip(stored, axis)
    geometry = Geometry(shape=stored.shape, affine=affine, unit="mm", frame="patient")
    return Image.of(np.ascontiguousarray(stored)[None], geometry)
