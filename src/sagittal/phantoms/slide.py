"""Small slides: pyramidal TIFF files with their micrometres, glass around the tissue, and outlines of tumours in SVG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io.writers._pyramid import Rows, write_pyramid
from sagittal.phantoms._folder import planted, put, rng_of
from sagittal.phantoms._tissue import Points, Stain, outline, planes, stained
from sagittal.phantoms.tiles import svg

GLASS = 244
BAND = 256
"""Rows that are stained at once: the three colours of a whole slide take far more memory than what absorbs them."""

SMALLEST = 512

_SOFT = 4
"""Rows beside a band that its focus reaches."""


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
    if min(rows, columns) < SMALLEST:
        raise UsageError("TOO_SMALL", f"size={rows}x{columns}", "a slide needs room for tissue", f"take {SMALLEST} or more")
    out = atomic.new_folder(out)
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
    """The slide: its tissue is drawn in one piece, so that nothing ends at a seam, and stained band by band."""
    rows, columns = size
    picture = np.empty((rows, columns, 3), np.uint8)
    inside = np.zeros(size, np.uint8)
    cv2.fillPoly(inside, [np.round(piece).astype(np.int32)], 1)
    blue, pink = planes(size, tumours, rng)
    for top in range(0, rows, BAND):
        band, low = slice(top, top + BAND), max(top - _SOFT, 0)
        near = slice(low, top + BAND + _SOFT)
        here = picture[band]
        here[:] = np.clip(GLASS + rng.normal(0, 1.5, (len(here), columns, 1)) + [0.0, -1.0, 1.0], 0, 255)
        drawn = stained(blue[near], pink[near], stain, rng)[top - low :][: len(here)]
        np.copyto(here, drawn, where=inside[band][..., None] > 0)
    if rng.random() < 0.3:
        stroke = [(int(columns * f), int(rows * (0.06 + 0.02 * np.sin(9 * f)))) for f in np.linspace(0.1, 0.4, 20)]
        cv2.polylines(picture, [np.array(stroke, np.int32)], isClosed=False, color=(40, 60, 185), thickness=max(3, rows // 120))
    return picture
