"""Chest CT as DICOM series, with lungs, nodules of stated diameters and a class a patient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io.writers.csv import write_rows
from sagittal.io.writers.dicom import Series, write_series
from sagittal.phantoms._folder import planted, rng_of
from sagittal.phantoms._thorax import thorax

CLASSES = ("no nodule", "nodule")
_FIELD_MM, _HEIGHT_MM = 380.0, 290.0
_LARGEST_MM, _MOST = 60.0, 3


def chest(
    out: Path,
    *,
    patients: int = 8,
    seed: int = 0,
    size: int = 128,
    thickness: float = 4.0,
    noise: float = 22.0,
    diameters: Sequence[float] = (6.0, 24.0),
) -> Path:
    """CT series ``dicom/P001/0001.dcm`` ..., ``patients.csv`` with the class of each, and the truth.

    Half of the patients have one to three nodules in their lungs, vessels all have. Values are Hounsfield
    units: air -1000, lung about -850, fat -100, soft tissue 40 to 60, bone 240 to 650. Every second series numbers its
    slices against their positions.

    ``truth/lungs/P001.nii.gz`` are the lungs (1; nodules and vessels in them are lung); ``truth/nodules.csv`` has the
    place of each nodule in RAS+ mm and its diameter in mm; ``patients.csv`` has ``file`` (the series' folder),
    ``patient`` and ``label``.

    Args:
        out: A new or empty folder.
        patients: How many, one series each.
        seed: The same seed gives the same bytes.
        size: Rows and columns; the field of view is 380 mm.
        thickness: Of the slices in mm; they cover 290 mm.
        noise: Standard deviation in HU.
        diameters: The smallest and the largest nodule, in mm; as many between each and its double.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty; sizes that cannot be.
        StorageFailure: ``out`` cannot be written.

    >>> folder = chest(getfixture("tmp_path") / "chest", patients=2, size=32, thickness=20)
    >>> (folder / "patients.csv").read_text().splitlines()[0]
    'file,patient,label'
    """
    if size < 16 or not 0.5 <= thickness <= 40:
        raise UsageError("SIZE", f"size={size}, thickness={thickness:g}", "no chest can be seen in it", "take 16 or more, and 0.5 to 40 mm")
    if len(diameters) != 2 or not 0 < diameters[0] <= diameters[1] <= _LARGEST_MM:
        raise UsageError("SIZE", f"diameters={list(diameters)}", "no two diameters in this order", f"take two from 0 to {_LARGEST_MM:g} mm")
    out = atomic.new_folder(out)
    ill = set(rng_of(seed, 0).permutation(patients)[: (patients + 1) // 2].tolist())
    rows, places = [], []
    with atomic.storage(out):
        (out / "truth" / "lungs").mkdir(parents=True)
    for place in range(patients):
        rng, name = rng_of(seed, 1, place), f"P{place + 1:03d}"
        grid = _grid(size, thickness, rng)
        count = int(rng.integers(1, _MOST + 1)) if place in ill else 0
        drawn = np.exp(rng.uniform(np.log(diameters[0]), np.log(diameters[1]), count)).round(1).tolist()
        values, lungs, nodules = thorax(grid, rng, diameters=drawn)
        grain = gaussian_filter(rng.standard_normal(grid.shape, dtype=np.float32), (0.6, 0.6, 0))
        seen = np.clip(np.round(values + noise * grain / grain.std()), -1024, 3071).astype(np.int16)
        series = Series(patient=name, description="phantom chest", backwards=place % 2 == 1)
        write_series(Image.of(seen[None], grid), out / "dicom" / name, series)
        io.write(Image.of(lungs[None], grid), out / "truth" / "lungs" / f"{name}.nii.gz")
        rows.append({"file": f"dicom/{name}", "patient": name, "label": CLASSES[bool(nodules)]})
        places += [{"patient": name, **dict(zip("xyz", _told(n.centre), strict=True)), "diameter_mm": f"{n.diameter:g}"} for n in nodules]
    write_rows(out / "patients.csv", ["file", "patient", "label"], rows)
    write_rows(out / "truth" / "nodules.csv", ["patient", "x", "y", "z", "diameter_mm"], places)
    counts = {c: sum(r["label"] == c for r in rows) for c in CLASSES}
    planted(out, "chest", seed, {"classes": list(CLASSES), "patients": counts, "nodules": len(places)})
    return out


def _grid(size: int, thickness: float, rng: np.random.Generator) -> Geometry:
    """Columns run to the left, rows to the back, slices to the head, as a patient on his back is scanned."""
    step = _FIELD_MM / size
    shape = (size, size, max(2, round(_HEIGHT_MM / thickness)))
    affine: NDArray[np.float64] = np.diag([-step, -step, thickness, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) + rng.uniform(-6, 6, 3)
    return Geometry(shape=shape, affine=affine.round(6), unit="mm", frame="patient")


def _told(centre: tuple[float, float, float]) -> list[str]:
    return [f"{v:.2f}" for v in centre]
