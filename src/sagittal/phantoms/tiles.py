"""H&E tiles with tumour outlines in SVG, several a patient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io.writers.raster import encode_png
from sagittal.phantoms._folder import planted, put, rng_of
from sagittal.phantoms._tissue import Points, Stain, outline, tile

_FREE_SHARE = 0.25


def tiles(
    out: Path,
    *,
    patients: int = 12,
    each: int = 4,
    seed: int = 0,
    size: tuple[int, int] = (256, 256),
    empty_outlines: bool = True,
) -> Path:
    """Tiles ``patient-01_tile-1.png`` with ``patient-01_tile-1.svg`` beside them: hollow polygons of class ``tumour``.

    Tumours are crowded dark cells in wavy patches; healthy glands, rings of cells around an empty middle, lie between
    them. About a quarter of the tiles are free of tumour. Staining differs from patient to patient.

    Args:
        out: A new or empty folder.
        patients: How many.
        each: Tiles a patient.
        seed: The same seed gives the same bytes.
        size: Rows and columns, 128 or more.
        empty_outlines: Whether a tile free of tumour has an SVG without polygons; else it has none.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` is not empty, or the tiles are too small.
        StorageFailure: ``out`` cannot be written.

    >>> folder = tiles(getfixture("tmp_path") / "tiles", patients=1, each=2, size=(128, 128))
    >>> sorted(p.suffix for p in folder.iterdir())
    ['.json', '.png', '.png', '.svg', '.svg']
    """
    rows, columns = size
    if min(rows, columns) < 128:
        raise UsageError("TOO_SMALL", f"size={rows}x{columns}", "a tile needs room for glands", "take 128 or more")
    out = atomic.new_folder(out)
    counts = {}
    for patient in range(patients):
        stain = Stain.drawn(rng_of(seed, 0, patient))
        for n in range(each):
            rng = rng_of(seed, 1, patient, n)
            free = rng.random() < _FREE_SHARE
            tumours = [] if free else _tumours((rows, columns), int(rng.integers(1, 4)), seed, patient, n)
            name = f"patient-{patient + 1:02d}_tile-{n + 1}"
            put(out / f"{name}.png", encode_png(tile((rows, columns), tumours, stain, rng).transpose(2, 0, 1)))
            if tumours or empty_outlines:
                put(out / f"{name}.svg", svg(tumours, rows, columns).encode())
            counts[name] = len(tumours)
    planted(out, "tiles", seed, {"classes": ["tissue", "tumour"], "patients": patients, "tumours": counts})
    return out


def _tumours(size: tuple[int, int], n: int, seed: int, patient: int, place: int) -> list[Points]:
    """Outlines that keep apart from each other and mostly lie in the tile."""
    rng = rng_of(seed, 2, patient, place)
    found: list[tuple[float, float, float]] = []
    curves = []
    scale = min(size)
    for _ in range(40):
        x, y = rng.uniform(0.12, 0.88) * size[1], rng.uniform(0.12, 0.88) * size[0]
        radius = scale * rng.uniform(0.12, 0.24)
        if all((x - a) ** 2 + (y - b) ** 2 > (1.5 * (radius + r)) ** 2 for a, b, r in found):
            found.append((x, y, radius))
            curves.append(outline((x, y), radius, rng).clip(0, [size[1], size[0]]))
        if len(curves) == n:
            break
    return curves


def svg(tumours: Sequence[Points], rows: int, columns: int) -> str:
    """Hollow polygons of class ``tumour`` on a canvas as large as the picture."""
    look = 'class="tumour" fill="none" stroke="#00a000" stroke-width="2"'
    corners = [" ".join(f"{x:.1f},{y:.1f}" for x, y in curve) for curve in tumours]
    shapes = "".join(f'  <polygon {look} points="{points}"/>\n' for points in corners)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns}" height="{rows}" viewBox="0 0 {columns} {rows}">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{shapes}</svg>\n'
