"""Chest pictures with several findings each, in a CSV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.io import atomic
from sagittal.io.writers.csv import write_rows
from sagittal.io.writers.raster import encode_png
from sagittal.phantoms._folder import planted, put, rng_of

FINDINGS = ("cardiomegaly", "effusion", "nodule")
NOTHING = "no finding"
_SHARES = {"cardiomegaly": 0.35, "effusion": 0.35, "nodule": 0.4}

Plane = NDArray[np.float32]


def multilabel(out: Path, *, patients: int = 80, each: int = 3, seed: int = 0, size: tuple[int, int] = (96, 96)) -> Path:
    """Frontal chest pictures in ``images/`` and ``findings.csv`` with ``file``, ``patient`` and ``labels``.

    ``labels`` holds findings parted by ``;`` (``cardiomegaly;nodule``), or ``no finding``. Findings are drawn
    independently of each other for each patient; a patient's pictures share them.

    Args:
        out: A new or empty folder.
        patients: How many.
        each: Pictures a patient.
        seed: The same seed gives the same bytes.
        size: Rows and columns.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty.
        StorageFailure: ``out`` cannot be written.

    >>> folder = multilabel(getfixture("tmp_path") / "chest", patients=2, each=1)
    >>> (folder / "findings.csv").read_text().splitlines()[0]
    'file,patient,labels'
    """
    out = atomic.new_folder(out)
    rows = []
    for patient in range(patients):
        rng = rng_of(seed, 0, patient)
        present = tuple(f for f in FINDINGS if rng.random() < _SHARES[f])
        for n in range(each):
            name = f"images/P{patient + 1:03d}_{n + 1}.png"
            put(out / name, encode_png(_chest((size[0], size[1]), present, rng_of(seed, 1, patient), rng_of(seed, 2, patient, n))))
            rows.append({"file": name, "patient": f"P{patient + 1:03d}", "labels": ";".join(present) or NOTHING})
    write_rows(out / "findings.csv", ["file", "patient", "labels"], rows)
    planted(out, "multilabel", seed, {"findings": list(FINDINGS), "patients": patients, "pictures": len(rows)})
    return out


def _chest(size: tuple[int, int], present: tuple[str, ...], body: np.random.Generator, view: np.random.Generator) -> NDArray[np.uint8]:
    """Dark lungs in a bright chest, a heart, ribs, and what was found."""
    rows, columns = size
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    y, x = (y + 0.5) / rows + view.normal(0, 0.012), (x + 0.5) / columns + view.normal(0, 0.012)
    tall, wide = body.uniform(0.30, 0.35), body.uniform(0.155, 0.18)
    low, tone = body.uniform(0.50, 0.54), body.uniform(0.9, 1.1)
    trunk = _soft(1 - np.hypot((x - 0.5) / 0.47, (y - 0.62) / 0.66), 0.03)
    light = 0.10 + 0.58 * trunk
    lungs = np.zeros(size, np.float32)
    for side in (-1, 1):
        lungs = np.maximum(lungs, _soft(1 - np.hypot((x - 0.5 - side * 0.2) / wide, (y - low) / tall), 0.06))
    light -= 0.40 * lungs
    for k in range(7):  # ribs slope down from the spine
        across = y - (0.24 + 0.085 * k) - 0.35 * (np.abs(x - 0.5) - 0.2) ** 2 - 0.22 * np.abs(x - 0.5)
        light += 0.06 * lungs * np.exp(-((across / 0.012) ** 2))
    light += 0.14 * np.exp(-(((x - 0.5) / 0.035) ** 2)) * trunk
    heart = 0.115 * body.uniform(0.92, 1.06) * (1.62 if "cardiomegaly" in present else 1.0)
    shape = np.hypot((x - 0.545 - 0.25 * (heart - 0.115)) / heart, (y - 0.66) / (0.135 + 0.3 * (heart - 0.115)))
    light += 0.34 * _soft(1 - shape, 0.10) * np.clip(lungs + 0.35, 0, 1)
    if "effusion" in present:
        side = body.choice([-1.0, 1.0])
        top = low + tall * body.uniform(0.28, 0.52) - 1.1 * np.clip(side * (x - 0.5) - 0.2, -0.1, 0.2) ** 2 * 4
        light += 0.40 * lungs * _soft(y - top, 0.02) * (side * (x - 0.5) > 0)
    if "nodule" in present:
        for _ in range(int(body.integers(1, 3))):
            side, up = body.choice([-1.0, 1.0]), body.uniform(-0.6, 0.1)
            at, size_of = (0.5 + side * body.uniform(0.18, 0.24), low + up * tall), body.uniform(0.028, 0.045)
            light += 0.36 * np.exp(-((((x - at[0]) ** 2 + (y - at[1]) ** 2) / size_of**2) ** 2))
    cloud = cv2.resize(
        view.standard_normal((rows // 6 + 2, columns // 6 + 2), dtype=np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    grain = 0.018 * view.standard_normal(size, dtype=np.float32)
    shown = cv2.GaussianBlur(np.asarray(light, np.float32), (0, 0), 0.6) * tone * view.uniform(0.93, 1.07) + 0.016 * cloud + grain
    return np.asarray(np.clip(shown * 262, 0, 255), dtype=np.uint8)


def _soft(inside: NDArray[np.floating], width: float) -> Plane:
    """1 where positive, 0 where negative, with a soft edge of this width."""
    return np.asarray(1 / (1 + np.exp(np.clip(-inside * 4 / width, -40, 40))), dtype=np.float32)
