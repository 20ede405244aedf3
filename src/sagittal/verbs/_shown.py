"""Show for one image: its header without anybody's data, how its values are spread, and its picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal import io
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.data._anatomy import orientation_of
from sagittal.errors import UsageError, nearest
from sagittal.io.guard import Limits
from sagittal.verbs._outcome import Outcome

WINDOWS: Mapping[str, tuple[float, float]] = {
    "lung": (-1350.0, 150.0),
    "bone": (-500.0, 1300.0),
    "brain": (0.0, 80.0),
    "soft": (-160.0, 240.0),
}
"""Hounsfield units from black to white: level -600 and width 1500, 400 and 1800, 40 and 80, 40 and 400, as read everywhere."""

AIR = -200.0
"""A volume whose least value is not below is no CT: fat is the lightest tissue but lung."""

BINS = 96
_MOST_COUNTED = 1 << 22


def shown(locator: str, out: Path | None, window: str | None, limits: Limits) -> Outcome:
    """What an image is, and where asked its picture.

    Args:
        locator: A file, a folder, or ``FOLDER::KEY`` of a DICOM series.
        out: Write the picture there (PNG).
        window: Of a volume or picture that is not of bytes: a name of :data:`WINDOWS`, or ``LOW,HIGH``.
        limits: For reading, and what is let through.

    Raises:
        UsageError: A window that cannot be.
    """
    image = io.read(locator, limits=limits)
    values, grid = image.read(), image.geometry
    name = Path(locator.partition("::")[0]).name
    size = " x ".join(map(str, grid.shape)) or "a row"
    unit = str(image.meta.get("unit") or "")
    lines = [f"{name}: {size}, {len(image.channels)} channel(s): {', '.join(image.channels[:8])}"]
    reach = f"{values.dtype}, {values.min()} to {values.max()} {unit}".rstrip()
    lines.append(f"  spacing {', '.join(f'{s:.4g}' for s in grid.spacing)} {grid.unit}; {reach}")
    lines += _place(grid)
    counts, edges, levels = spread(values[0])
    lines.append("  values at 0.5, 5, 50, 95, 99.5 %: " + ", ".join(f"{v:.6g}" for v in levels))
    lines += [f"  {k}: {plain(v)}" for k, v in image.meta.items() if plain(v)]
    ends = _window(window, float(values.min()), unit, (levels[0], levels[-1]))
    if out is not None and grid.axes:
        _draw(out, image, values, ends, counts, edges, title=f"{name}: {size}")
    elif grid.axes > 2:
        lines.append("  three planes and a histogram: -o FILE.png")
    facts: dict[str, Any] = {"geometry": grid.record(), "channels": list(image.channels), "window": list(ends)}
    return Outcome(path=out, facts={**facts, "histogram": {"counts": counts.tolist(), "edges": edges.tolist()}}, text=lines)


def plain(value: object) -> str:
    """A value as a person writes it; nothing of an empty list.

    >>> plain(False), plain([0, 1]), plain(())
    ('no', '0, 1', '')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def spread(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.float64], list[float]]:
    """Counts, edges and levels of a channel; of a large one those of evenly spread samples, scaled up."""
    flat = values.reshape(-1)
    step = max(1, flat.size // _MOST_COUNTED)
    some = flat[::step].astype(np.float64)
    some = some[np.isfinite(some)]
    if not some.size:
        return np.zeros(1, np.int64), np.array([0.0, 1.0]), [0.0] * 5
    low, high = float(some.min()), float(some.max())
    counts, edges = np.histogram(some, bins=BINS, range=(low, high if high > low else low + 1))
    return counts * step, edges, [float(v) for v in np.percentile(some, (0.5, 5, 50, 95, 99.5))]


def _place(grid: Geometry) -> list[str]:
    """Where a volume lies."""
    if grid.axes < 3:
        return []
    first, last = grid.to_world([0, 0, 0]), grid.to_world([n - 1 for n in grid.shape])
    corners = " to ".join("(" + ", ".join(f"{v:.1f}" for v in point) + ")" for point in (first, last))
    code = orientation_of(grid)
    return [f"  axes run to {code or 'no known side'}; first to last sample {corners} {grid.unit}, right, front and head counted up"]


def _window(asked: str | None, least: float, unit: str, own: tuple[float, float]) -> tuple[float, float]:
    """From black to white."""
    if asked is None:
        found = WINDOWS["soft"] if unit == "HU" else own
        return found if found[1] > found[0] else (found[0], found[0] + 1)
    if "," in asked:
        low, _, high = asked.partition(",")
        try:
            ends = float(low), float(high)
        except ValueError:
            ends = (0.0, 0.0)
        if not ends[0] < ends[1]:
            raise UsageError("WINDOW", asked, "is no pair of numbers LOW,HIGH", "write for example --window -160,240")
        return ends
    if asked not in WINDOWS:
        raise UsageError("WINDOW", asked, "there is no window of this name", f"{nearest(asked, WINDOWS)}; or give LOW,HIGH")
    if unit != "HU" and least > AIR:
        what = f"is one of Hounsfield units, and the least value here is {least:g}"
        raise UsageError("WINDOW", asked, what, "give LOW,HIGH in the image's own values")
    return WINDOWS[asked]


def _draw(out: Path, image: Image, values: NDArray[Any], ends: tuple[float, float], counts: Any, edges: Any, *, title: str) -> None:
    from sagittal.io import atomic
    from sagittal.report import galleries
    from sagittal.report.volume_sheet import sheet

    grid = image.geometry
    if grid.axes < 3:
        atomic.write_bytes(out, galleries.thumbnail(values, size_px=max(grid.shape), spacing=grid.spacing))
        return
    unit, inverted = str(image.meta.get("unit") or ""), bool(image.meta.get("inverted"))
    data = sheet(values[0], grid, window=ends, counts=counts, edges=edges, unit=unit, inverted=inverted, title=title)
    atomic.write_bytes(out, data)
