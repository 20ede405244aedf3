"""Chest pictures that may show several findings at once, listed in a CSV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.phantoms._folder import new_folder, planted, put, rng_of

FINDINGS = ("cardiomegaly", "effusion", "nodule")
_CHANCE = 0.4


def multilabel(out: Path, *, patients: int = 60, views: int = 2, size: int = 128, seed: int = 0) -> Path:
    """``pictures/patient0001_1.png`` ... and ``findings.csv`` with the columns ``file``, ``patient`` and ``findings``.

    Lungs, ribs and a heart; the heart may be too wide, fluid may stand in a lung, a nodule may lie in one. Findings are
    drawn by chance for each patient, independently, and parted by ``;``; a picture without any has an empty cell.

    Args:
        out: A new or empty folder.
        patients: How many, at least 20.
        views: Pictures a patient.
        size: Pixels along each side.
        seed: The same seed gives the same bytes.

    Returns:
        ``out``.

    Raises:
        UsageError: Too few patients, or ``out`` is not empty.
        StorageFailure: ``out`` cannot be written.

    >>> folder = multilabel(getfixture("tmp_path") / "chests", patients=20, views=1, size=32)
    >>> len(list((folder / "pictures").iterdir()))
    20
    """
    if patients < 20 or views < 1:
        raise UsageError("TOO_FEW", f"patients={patients}, views={views}", "they cannot be split by patient", "take 20 and 1 or more")
    out = new_folder(out)
    lines = ["file,patient,findings"]
    for person in range(1, patients + 1):
        rng = rng_of(seed, person)
        found = [name for name in FINDINGS if rng.random() < _CHANCE]
        build = rng.uniform(0.92, 1.08)
        for view in range(1, views + 1):
            name = f"pictures/patient{person:04d}_{view}.png"
            put(out / name, encode_png(_chest(found, build, size=size, rng=rng_of(seed, person, view))))
            lines.append(f"{name},patient{person:04d},{';'.join(found)}")
    put(out / "findings.csv", ("\n".join(lines) + "\n").encode())
    planted(out, "multilabel", seed, {"patients": patients, "views": views, "classes": list(FINDINGS)})
    return out


def _chest(found: list[str], build: float, *, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One picture; drawn at 256 pixels and brought to size."""
    n = 256
    rows, columns = np.mgrid[0:n, 0:n].astype(np.float32)
    shift = rng.normal(0, 4, 2)
    bright = np.full((n, n), 150.0, np.float32) + 12 * np.cos(columns / n * np.pi * 2)
    lungs = [(118 + shift[0], 82 + shift[1]), (118 + shift[0], 176 + shift[1])]
    inside = []
    for cy, cx in lungs:
        lung = ((rows - cy) / (78 * build)) ** 2 + ((columns - cx) / (38 * build)) ** 2 < 1
        bright[lung] = 62
        inside.append(lung)
    for rib in range(7):
        at = 46 + 22 * rib + shift[0] + 0.0022 * (columns - n / 2) ** 2
        bright += 16 * np.exp(-0.5 * ((rows - at) / 3.5) ** 2)
    wide = rng.uniform(1.5, 1.75) if "cardiomegaly" in found else rng.uniform(0.9, 1.1)
    heart = ((rows - 158 - shift[0]) / 40) ** 2 + ((columns - 140 - shift[1]) / (34 * wide)) ** 2 < 1
    bright[heart] = np.maximum(bright[heart], 168)
    side = int(rng.integers(2))
    if "effusion" in found:
        level = lungs[side][0] + rng.uniform(18, 36) - 0.012 * (columns - lungs[side][1]) ** 2
        bright[inside[side] & (rows > level)] = 172
    if "nodule" in found:
        side = int(rng.integers(2))
        cy, cx = lungs[side][0] + rng.uniform(-50, 0), lungs[side][1] + rng.uniform(-16, 16)
        bright += 95 * np.exp(-0.5 * (((rows - cy) ** 2 + (columns - cx) ** 2) / rng.uniform(7, 10) ** 2) ** 2)
    soft = cv2.GaussianBlur(bright, (0, 0), 1.6) * rng.uniform(0.9, 1.1) + rng.normal(0, 6)
    small = cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA)
    grain = rng.normal(0, 5, small.shape)
    pixels: NDArray[np.uint8] = np.clip(np.rint(small + grain), 0, 255).astype(np.uint8)[None]
    return pixels
