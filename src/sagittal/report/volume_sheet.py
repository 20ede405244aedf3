"""A volume on one sheet: three planes with axes in mm, and how its values are spread."""

from __future__ import annotations

import io as bytes_io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.ops.upright import upright_view

PLANES = ((2, "axial"), (1, "coronal"), (0, "sagittal"))
NAMES = ("left \u2013 right", "back \u2013 front", "feet \u2013 head")
INK, SOFT, ACCENT = "#1a1d1f", "#5a646b", "#00578a"


def sheet(
    values: NDArray[np.generic],
    geometry: Geometry,
    *,
    window: tuple[float, float],
    counts: NDArray[np.integer],
    edges: NDArray[np.floating],
    unit: str = "",
    inverted: bool = False,
    title: str = "",
    at: Sequence[int] | None = None,
) -> bytes:
    """The sheet as PNG: axial, coronal and sagittal slice upright and to scale, the histogram below.

    The axes count the world's mm (of an oblique grid the mm along its own axes, through the middle of the slices); the
    patient's right is on the right of the picture, as one looks from the feet upwards at a standing person's back.

    Args:
        values: ``(*shape)`` of one channel.
        geometry: Where they lie.
        window: What is black and what is white.
        counts: Of the histogram.
        edges: Of its bars, one more.
        unit: Of the values: ``HU``.
        inverted: Low values are shown bright (MONOCHROME1).
        title: Above the planes.
        at: Which slices, in indices of the upright grid; the middle ones otherwise.

    Raises:
        ValueError: The values do not lie on the grid.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if values.shape != geometry.shape:
        raise ValueError(f"values {values.shape} and grid {geometry.shape} differ")
    grid = geometry.upright()
    volume = upright_view(values, geometry, grid)
    place = tuple(n // 2 for n in grid.shape) if at is None else tuple(at)
    extent = [n * s for n, s in zip(grid.shape, grid.spacing, strict=True)]
    widths = [extent[0], extent[0], extent[1]]
    figure = Figure(figsize=(12, 7), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    rows = figure.add_gridspec(2, 3, width_ratios=widths, height_ratios=[3.2, 1], hspace=0.3, wspace=0.24, left=0.06, right=0.985, top=0.92)
    for column, (axis, name) in enumerate(PLANES):
        across, up = (a for a in range(3) if a != axis)
        index = tuple(place[axis] if a == axis else slice(None) for a in range(3))
        axes = figure.add_subplot(rows[0, column])
        ends = (*_ends(grid, across), *_ends(grid, up))
        grey = "gray_r" if inverted else "gray"
        axes.imshow(volume[index].T, cmap=grey, vmin=window[0], vmax=window[1], origin="lower", extent=ends, interpolation="nearest")
        for other, draw in ((across, axes.axvline), (up, axes.axhline)):
            draw(_mm(grid, other, place), color=ACCENT, lw=0.6, alpha=0.55)
        axes.set_title(f"{name}, {_mm(grid, axis, place):.1f} {grid.unit}", fontsize=10, color=INK)
        axes.set_xlabel(f"{NAMES[across]}, {grid.unit}", fontsize=8.5, color=SOFT)
        axes.set_ylabel(f"{NAMES[up]}, {grid.unit}", fontsize=8.5, color=SOFT, labelpad=1)
        axes.tick_params(labelsize=8, colors=SOFT, length=3)
    below = figure.add_subplot(rows[1, :])
    below.stairs(np.maximum(counts, 0.5), edges, fill=True, color=ACCENT, alpha=0.75)
    below.axvspan(*window, color=SOFT, alpha=0.14, lw=0)
    below.set_yscale("log")
    below.set_ylim(0.7)
    below.set_xlim(edges[0], edges[-1])
    below.set_xlabel(
        f"value{f', {unit}' if unit else ''}; grey: what the picture shows, {window[0]:g} to {window[1]:g}", fontsize=8.5, color=SOFT
    )
    below.set_ylabel("samples", fontsize=8.5, color=SOFT)
    below.tick_params(labelsize=8, colors=SOFT)
    for side in ("top", "right"):
        below.spines[side].set_visible(False)
    figure.suptitle(title, fontsize=11.5, color=INK, x=0.06, ha="left")
    out = bytes_io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _mm(grid: Geometry, axis: int, place: Sequence[int]) -> float:
    """The world coordinate of a slice, at the middle of the others."""
    index = [(n - 1) / 2 for n in grid.shape]
    index[axis] = place[axis]
    return float(grid.to_world(index)[axis])


def _ends(grid: Geometry, axis: int) -> tuple[float, float]:
    """Where the outer edges of the first and last sample lie along an axis."""
    first = _mm(grid, axis, [0] * 3)
    step = grid.spacing[axis]
    return first - step / 2, first + (grid.shape[axis] - 0.5) * step
