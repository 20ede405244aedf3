"""Small T1 brain volumes with label maps, in the odd orientations and thick slices that scanners give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.phantoms._folder import new_folder, planted, rng_of

CLASSES = ("background", "CSF", "GM", "WM")
_SHOWN = np.array([0.03, 0.18, 0.55, 0.86, 0.30, 0.95], np.float32)  # the classes, then skull and scalp
_AXES = ((0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """One person: radii in mm, folds of the cortex, size of the ventricles."""

    radii: NDArray[np.float64]
    turn: NDArray[np.float64]
    centre: NDArray[np.float64]
    folds: NDArray[np.float64]
    ventricles: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _Head:
        a, b = rng.normal(0, 0.09, 2)
        yaw = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        return cls(
            radii=np.array([62.0, 76.0, 56.0]) * rng.uniform(0.92, 1.06, 3),
            turn=yaw @ nod,
            centre=rng.normal(0, 3, 3),
            folds=rng.uniform(0, 2 * np.pi, (3, 3)),
            ventricles=float(rng.uniform(0.8, 1.3)),
        )

    def classes(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """The tissue at world points ``(..., 3)``: 0 to 3 as ``CLASSES``, 4 skull, 5 scalp."""
        own = (points - self.centre) @ self.turn
        reach = np.linalg.norm(own / self.radii, axis=-1)
        folds = sum(np.sin(own[..., k] / 5.2 + self.folds[0, k]) * np.sin(own[..., (k + 1) % 3] / 6.1 + self.folds[1, k]) for k in range(3))
        cleft = np.exp(-((own[..., 0] / 3.5) ** 2)) * (own[..., 2] > 8)
        cortex = 0.90 + 0.02 * folds - 0.10 * cleft
        white = 0.70 + 0.055 * folds - 0.12 * cleft
        found = np.zeros(points.shape[:-1], np.int64)
        for limit, tissue in ((1.19, 5), (1.10, 4), (0.99, 1)):
            found[reach < limit] = tissue
        found[reach < cortex] = 2
        found[reach < white] = 3
        for side in (-1, 1):
            thalamus = np.linalg.norm((own - [side * 11, -4, -4]) / [8, 13, 9], axis=-1)
            found[thalamus < 1] = 2
            horn = np.linalg.norm((own - [side * 9, 2, 9]) / (np.array([6.5, 27, 8]) * self.ventricles), axis=-1)
            found[horn < 1] = 1
        return found


def brain(out: Path, *, patients: int = 12, seed: int = 0, spacing: float = 4.0) -> Path:
    """Volumes ``image_01.nii.gz`` with ``label_01.nii.gz``: 0 background, 1 CSF, 2 GM, 3 WM.

    Every volume has a grid of its own: axes swapped and flipped, the field of view cut close or wide, slices up to
    twice as thick as the pixels, a small turn in the affine. Partial volume, a bias field and noise are in the image;
    the label is the tissue at the centre of the voxel.

    Args:
        out: A new or empty folder.
        patients: How many volumes, one each.
        seed: The same seed gives the same values.
        spacing: Of the pixels in mm; slices are 1 to 2 times as thick.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty.
        StorageFailure: ``out`` cannot be written.

    >>> folder = brain(getfixture("tmp_path") / "brain", patients=1, spacing=12)
    >>> sorted(p.name for p in folder.glob("*.gz"))
    ['image_01.nii.gz', 'label_01.nii.gz']
    """
    out = new_folder(out)
    grids = {}
    for place in range(patients):
        rng = rng_of(seed, place)
        head, grid = _Head.drawn(rng), _grid(place, spacing, rng)
        tissue = head.classes(grid.points())
        label = np.where(tissue > 3, 0, tissue).astype(np.uint8)
        name = f"{place + 1:02d}.nii.gz"
        io.write(Image.of(_scanned(head, grid, rng)[None], grid), out / f"image_{name}")
        io.write(Image.of(label[None], grid), out / f"label_{name}")
        grids[name] = grid.record()
    planted(out, "brain", seed, {"classes": list(CLASSES), "patients": patients, "grids": grids})
    return out


def _grid(place: int, spacing: float, rng: np.random.Generator) -> Geometry:
    """A grid around the origin: RAS first, then every kind of order and flip in turn."""
    steps = np.array([spacing, spacing, spacing * rng.uniform(1.2, 2.0)])
    order = _AXES[place % len(_AXES)]
    signs = np.where([place >> k & 1 for k in range(3)], -1.0, 1.0)
    widths = np.array([160.0, 190.0, 150.0])[list(order)] * rng.uniform(0.97, 1.1)
    shape = tuple(int(np.ceil(w / s)) for w, s in zip(widths, steps, strict=True))
    block = np.zeros((3, 3))
    for axis, world in enumerate(order):
        block[world, axis] = signs[axis] * steps[axis]
    tilt = rng.normal(0, 0.05) if place % 3 == 2 else 0.0
    block = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]) @ block
    affine = np.eye(4)
    affine[:3, :3] = block
    affine[:3, 3] = -block @ ((np.array(shape) - 1) / 2)
    return Geometry(shape=shape, affine=affine, unit="mm", frame="patient")


def _scanned(head: _Head, grid: Geometry, rng: np.random.Generator) -> NDArray[np.int16]:
    """What a scanner sees: two samples along each axis of a voxel, a bias field, noise."""
    points = grid.points()
    light = np.zeros(grid.shape, np.float32)
    for corner in np.ndindex(2, 2, 2):
        shift = grid.affine[:3, :3] @ (np.array(corner) / 2 - 0.25)
        light += _SHOWN[head.classes(points + shift)] / 8
    reach = points / 90
    bias = 1 + reach @ rng.normal(0, 0.10, 3) + 0.10 * rng.normal() * (reach**2).sum(axis=-1)
    texture = gaussian_filter(rng.normal(0, 1, grid.shape), 0.7)
    seen = 900 * light * np.clip(bias, 0.5, 1.5) + 24 * rng.normal(0, 1, grid.shape) + 20 * texture
    return np.asarray(np.clip(np.abs(seen), 0, 4000), dtype=np.int16)
