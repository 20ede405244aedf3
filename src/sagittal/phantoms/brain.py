"""MR volumes of brains (T1, T2) with label maps, in the odd orientations and thick slices that scanners give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.errors import UsageError, nearest
from sagittal.io import atomic
from sagittal.ops.warp import ReadMap, gather
from sagittal.phantoms._folder import planted, rng_of
from sagittal.phantoms._head import TISSUES, Person, head

CLASSES = ("background", "CSF", "GM", "WM", "lesion")
# what each of TISSUES gives: air, CSF, GM, WM, bone, fat, muscle, lesion
_SHOWN = {
    "T1": (0.02, 0.20, 0.55, 0.86, 0.09, 0.98, 0.42, 0.55),
    "T2": (0.02, 1.00, 0.60, 0.42, 0.06, 0.72, 0.24, 0.86),
}
# at six months grey and white matter are all but alike
_INFANT = {"T1": (0.50, 0.55), "T2": (0.60, 0.54)}
_AXES = ((0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1))
_WIDTHS = np.array([158.0, 196.0, 158.0])

Volume = NDArray[np.float32]


def brain(
    out: Path,
    *,
    patients: int = 12,
    seed: int = 0,
    spacing: float = 4.0,
    modalities: Sequence[str] = ("T1",),
    infant: bool = False,
    lesions: int = 0,
) -> Path:
    """Volumes ``image_01.nii.gz`` with ``label_01.nii.gz``: 0 background, 1 CSF, 2 GM, 3 WM (4 lesion).

    With several modalities the files are ``head_01_T1.nii.gz``, ``head_01_T2.nii.gz`` and
    ``head_01_label.nii.gz``, all on the subject's one grid. ``dataset.json`` names the numbers, as that of the Decathlon does.

    Every subject has a grid of its own: axes swapped and flipped, the field of view cut close or wide, slices up to
    twice as thick as the pixels, a small turn in the affine. Partial volume, a bias field and Rician noise are in the
    images; the label is the tissue that fills most of the voxel. Where the pixels are large, so is the cortex: it is 3 mm
    thick up to a spacing of 2.5 mm.

    Args:
        out: A new or empty folder.
        patients: How many subjects.
        seed: The same seed gives the same values.
        spacing: Of the pixels in mm; slices are 1.2 to 2 times as thick. 2.5 gives about 63 x 78 x 40 voxels.
        modalities: ``T1``, ``T2``.
        infant: Grey and white matter all but alike, as at six months of age.
        lesions: The most spots in the white matter of one subject; they are a class of their own.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty, or a modality that is not drawn.
        StorageFailure: ``out`` cannot be written.

    >>> folder = brain(getfixture("tmp_path") / "brain", patients=1, spacing=12, modalities=["T1", "T2"])
    >>> sorted(p.name for p in folder.glob("*.gz"))
    ['head_01_T1.nii.gz', 'head_01_T2.nii.gz', 'head_01_label.nii.gz']
    """
    for name in modalities:
        if name not in _SHOWN:
            raise UsageError("UNKNOWN_MODALITY", name, "the phantom has no such modality", nearest(name, _SHOWN))
    out = atomic.new_folder(out)
    grids, found = {}, {}
    for place in range(patients):
        rng = rng_of(seed, place)
        grid = _grid(place, spacing, rng)
        spots = int(rng.integers(0, lesions + 1)) if lesions else 0
        shares = _shares(grid, rng, spacing=spacing, lesions=spots)
        name = f"{place + 1:02d}"
        for modality in modalities:
            path = out / (f"image_{name}.nii.gz" if len(modalities) == 1 else f"head_{name}_{modality}.nii.gz")
            io.write(Image.of(_scanned(shares, modality, grid, rng, infant=infant)[None], grid), path)
        path = out / (f"label_{name}.nii.gz" if len(modalities) == 1 else f"head_{name}_label.nii.gz")
        io.write(Image.of(_label(shares)[None], grid), path)
        grids[name], found[name] = grid.record(), spots
    classes = CLASSES[: 5 if lesions else 4]
    # By these names the numbers go in every table of an audit or a run.
    atomic.write_json(out / "dataset.json", {"name": "phantom brain", "labels": {str(n): name for n, name in enumerate(classes)}})
    truth = {"classes": list(classes), "patients": patients, "grids": grids}
    planted(out, "brain", seed, {**truth, **({"lesions": found} if lesions else {})})
    return out


def _grid(place: int, spacing: float, rng: np.random.Generator) -> Geometry:
    """A grid around the origin: RAS first, then every kind of order and flip in turn."""
    steps = np.array([spacing, spacing, spacing * rng.uniform(1.2, 2.0)])
    order = _AXES[place % len(_AXES)]
    signs = np.where([place >> k & 1 for k in range(3)], -1.0, 1.0)
    widths = _WIDTHS[list(order)] * rng.uniform(0.97, 1.1)
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


def _shares(grid: Geometry, rng: np.random.Generator, *, spacing: float, lesions: int) -> Volume:
    """How much of each voxel each tissue fills, ``(len(TISSUES), *shape)``."""
    person = Person.drawn(rng)
    tissue, own = head(person, rng, step=max(1.0, spacing / 2), cortex=3 * max(1.0, spacing / 2.5), lesions=lesions)
    kinds = np.stack([tissue == k for k in range(1, len(TISSUES))]).astype(np.float32)
    through = ReadMap(grid.shape, own.inverse @ np.linalg.inv(person.to_world) @ grid.affine)
    parts = gather(kinds, through, outside=0.0)
    return np.concatenate([np.clip(1 - parts.sum(axis=0, keepdims=True), 0, 1), parts])


def _label(shares: Volume) -> NDArray[np.uint8]:
    """The class that fills most of each voxel; everything around the brain is one."""
    around = shares[0] + shares[4] + shares[5] + shares[6]
    return np.asarray(np.stack([around, *shares[1:4], shares[7]]).argmax(axis=0), dtype=np.uint8)


def _scanned(shares: Volume, modality: str, grid: Geometry, rng: np.random.Generator, *, infant: bool) -> NDArray[np.int16]:
    """What a scanner sees: the mean of a voxel's tissues, lit unevenly, and the magnitude of a noisy complex signal."""
    shown = np.array(_SHOWN[modality], np.float32)
    if infant:
        shown[2:4] = _INFANT[modality]
    light = np.tensordot(shown, shares, axes=1)
    reach = grid.points() / 90
    waves = [np.sin(reach @ rng.normal(0, 1.2, 3) + rng.uniform(0, 2 * np.pi)) for _ in range(2)]
    bias = np.exp(reach @ rng.normal(0, 0.08, 3) + 0.09 * waves[0] + 0.06 * waves[1])
    noise = 0.025 * rng.standard_normal((2, *grid.shape), dtype=np.float32)
    seen = 900 * np.hypot(light * bias + noise[0], noise[1])
    return np.asarray(np.clip(seen, 0, 4000), dtype=np.int16)
