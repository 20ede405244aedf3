"""Small slides: pyramidal TIFF files with their micrometres, glass around the tissue, and outlines of tumours in SVG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.io.writers._pyramid import Rows, write_pyramid
from sagittal.phantoms._folder import new_folder, planted, put, rng_of
from sagittal.phantoms._tissue import Points, Stain, outline, tile
from sagittal.phantoms.tiles import svg

GLASS = 244
PIECE = 512
"""Side of the squares in which tissue is drawn: glands and cells are placed one by one."""


def slide(
    out: Path, *, patients: int = 8, each: int = 1, seed: int = 0, size: tuple[int, int] = (2048, 3072), mpp: float | None = 1.0
) -> Path:
    """Slides ``patient-01_slide-1.tif`` with ``patient-01_slide-1.svg`` beside them.

    A ragged piece of tissue lies on glass, with glands, up to three tumours of class ``tumour`` and a stroke of a blue pen
    on some. About a quarter of the slides are free of tumour. Three levels, each half as large; the resolution tags tell
    the micrometres.

    Args:
        out: A new or empty folder.
        patients: How many.
        each: Slides a patient.
        seed: The same seed gives the same bytes.
        size: Rows and columns, 512 or more.
        mpp: Micrometres a pixel; None leaves the tags out.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty, or the slides are too small.
        StorageFailure: ``out`` cannot be written.

    >>> folder = slide(getfixture("tmp_path") / "slides", patients=1, size=(512, 512))
    >>> sorted(p.suffix for p in folder.iterdir())
    ['.json', '.svg', '.tif']
    """
    rows, columns = size
    if min(rows, columns) < PIECE:
        raise UsageError("TOO_SMALL", f"size={rows}x{columns}", "a slide needs room for tissue", f"take {PIECE} or more")
    out = new_folder(out)
    counts = {}
    for patient in range(patients):
        stain = Stain.drawn(rng_of(seed, 0, patient))
        for n in range(each):
            rng = rng_of(seed, 1, patient, n)
            piece = outline((columns / 2, rows / 2), 0.4 * min(rows, columns), rng)
            piece = (piece - [columns / 2, rows / 2]) * [columns / min(rows, columns), rows / min(rows, columns)] + [columns / 2, rows / 2]
            tumours = [] if rng.random() < 0.25 else _tumours((rows, columns), rng)
            name = f"patient-{patient + 1:02d}_slide-{n + 1}"
            picture = _picture((rows, columns), piece, tumours, stain, rng)
            write_pyramid(out / f"{name}.tif", _rows_of(picture), picture.shape, mpp=mpp, levels=3, stamp=False)
            put(out / f"{name}.svg", svg(tumours, rows, columns).encode())
            counts[name] = len(tumours)
    planted(out, "slide", seed, {"classes": ["tissue", "tumour"], "patients": patients, "mpp": mpp, "tumours": counts})
    return out


def _rows_of(picture: NDArray[np.uint8]) -> Rows:
    return lambda start, stop: picture[start:stop]


def _tumours(size: tuple[int, int], rng: np.random.Generator) -> list[Points]:
    """One to three outlines in the middle of the tissue, apart from each other."""
    rows, columns = size
    found: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(1, 4)) * 8):
        x, y, radius = rng.uniform(0.3, 0.7) * columns, rng.uniform(0.35, 0.65) * rows, min(size) * rng.uniform(0.06, 0.13)
        if all(np.hypot(x - a, y - b) > 1.5 * (radius + r) for a, b, r in found) and len(found) < 3:
            found.append((x, y, radius))
    return [outline((x, y), radius, rng) for x, y, radius in found]


def _picture(size: tuple[int, int], piece: Points, tumours: list[Points], stain: Stain, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The slide, drawn square by square."""
    rows, columns = size
    grain = rng.normal(0, 1.5, (rows, columns, 1))
    picture = np.clip(GLASS + grain + [0.0, -1.0, 1.0], 0, 255).astype(np.uint8)
    inside = np.zeros(size, np.uint8)
    cv2.fillPoly(inside, [np.round(piece).astype(np.int32)], 1)
    for top in range(0, rows, PIECE):
        for left in range(0, columns, PIECE):
            deep, wide = min(PIECE, rows - top), min(PIECE, columns - left)
            here = inside[top : top + deep, left : left + wide]
            if here.any():
                drawn = tile((deep, wide), [t - [left, top] for t in tumours], stain, rng)
                np.copyto(picture[top : top + deep, left : left + wide], drawn, where=here[..., None] > 0)
    if rng.random() < 0.3:
        stroke = [(int(columns * f), int(rows * (0.06 + 0.02 * np.sin(9 * f)))) for f in np.linspace(0.1, 0.4, 20)]
        cv2.polylines(picture, [np.array(stroke, np.int32)], isClosed=False, color=(40, 60, 185), thickness=max(3, rows // 120))
    return picture
