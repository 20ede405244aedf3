"""What the training cases are, as far as a decision depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.image import Image
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.engine.tiles import MOST_TILES, TELLING, across_of
from sagittal.engine.volumes import MOST_VOLUMES, Volumes, volumes_of
from sagittal.errors import Refused
from sagittal.ops.overview import overview

MOST_READ = 200
"""Training cases whose values are read; evenly spread over all of them, so that the same ones are read each time."""

SAME_SPACING = 0.02
"""Spacings that differ by less, relatively, are the same."""

PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the training cases are, as far as a decision depends on it.

    Args:
        axes: Of the images.
        channels: Their names.
        grey: All channels of every picture are equal.
        shape: Median samples along each axis.
        same_shape: Every image has this shape.
        spacing: Median world units along each axis.
        same_spacing: Every image has about this spacing.
        low: What maps to 0, a channel: 0 for 8-bit pictures.
        high: What maps to 1.
        mean: After that scaling, a channel.
        std: After that scaling, a channel.
        cases: How many there are to train on.
        names: Of the classes.
        classes: How many of each class.
        ordered: The columns of a table have an order: neighbours go together far more than others do.
        finest: The 10th percentile of the spacing along each axis.
        coarsest: The 90th.
        volumes: What volumes show besides; None for pictures and tables.
        across: Samples across the median object that was drawn on pictures; None where none was.
        slides: They are read tile by tile.
        unit: Of the spacing.
    """

    axes: int
    channels: tuple[str, ...]
    grey: bool
    shape: tuple[int, ...]
    same_shape: bool
    spacing: tuple[float, ...]
    same_spacing: bool
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    cases: int
    names: tuple[str, ...]
    classes: tuple[int, ...]
    ordered: bool = False
    finest: tuple[float, ...] = ()
    coarsest: tuple[float, ...] = ()
    volumes: Volumes | None = None
    across: float | None = None
    slides: bool = False
    unit: str = "none"


def facts_of(manifest: Manifest) -> Facts:
    """The facts of a manifest's training cases; of pictures and volumes a sample of them is read.

    Raises:
        Refused: The training cases differ in their number of axes, or there are none.
    """
    cases = manifest.split("train")
    if not cases:
        raise Refused("NO_TRAINING", manifest.root, "no case is left to train on", "check the splits")
    images = [image_of(case, manifest) for case in spread(cases, MOST_READ if not manifest.features else len(cases))]
    kinds = {(i.geometry.axes, len(i.channels)) for i in images}
    if len({axes for axes, _ in kinds}) > 1:
        what = f"the training cases have {' and '.join(str(a) for a in sorted({a for a, _ in kinds}))} axes"
        raise Refused("MIXED_AXES", manifest.root, what, "train on one kind of data at a time")
    # Volumes are looked at upright: the order in which their axes were stored says nothing of them.
    grids = [i.geometry.upright() if i.geometry.axes > 2 else i.geometry for i in images]
    shapes, spacings = np.array([g.shape for g in grids]), np.array([g.spacing for g in grids])
    most = max(images, key=lambda i: len(i.channels))
    axes = images[0].geometry.axes
    counts = manifest.counts().get("train", {})
    ordered, shown = False, None
    if axes == 0:
        rows = np.stack([i.read() for i in images]).astype(np.float64)
        mean, std = _columns(rows)
        ordered = are_ordered(rows)
        low, high, grey = tuple(0.0 for _ in mean), tuple(1.0 for _ in mean), False
    elif axes > 2:
        shown = volumes_of(manifest, spread(cases, MOST_VOLUMES))
        low, high, mean, std, grey = shown.low, shown.high, shown.mean, shown.std, False
    else:
        low, high, mean, std, grey = _values(images)
    return Facts(
        axes=axes,
        channels=most.channels,
        grey=grey,
        shape=tuple(int(v) for v in np.median(shapes, axis=0)) if axes else (),
        same_shape=bool((shapes == shapes[0]).all()),
        spacing=tuple(float(v) for v in np.median(spacings, axis=0)) if axes else (),
        same_spacing=bool(axes == 0 or np.allclose(spacings, np.median(spacings, axis=0), rtol=SAME_SPACING)),
        low=low,
        high=high,
        mean=mean,
        std=std,
        cases=len(cases),
        names=manifest.labels.classes,
        classes=tuple(counts.get(name, 0) for name in manifest.labels.classes),
        ordered=ordered,
        finest=tuple(float(v) for v in np.percentile(spacings, 10, axis=0)) if axes else (),
        coarsest=tuple(float(v) for v in np.percentile(spacings, 90, axis=0)) if axes else (),
        volumes=shown,
        across=across_of(manifest, spread(cases, MOST_TILES)) if axes == 2 and manifest.said in TELLING else None,
        slides=all(i.tiled for i in images),
        unit=unit.pop() if len(unit := {i.geometry.unit for i in images}) == 1 else "none",
    )


def spread(cases: Sequence[Case], most: int) -> list[Case]:
    """At most so many cases, evenly spread.

    >>> spread([Case(id=str(i)) for i in range(10)], 3)[1].id
    '4'
    """
    if len(cases) <= most:
        return list(cases)
    return [cases[i] for i in np.linspace(0, len(cases) - 1, most).round().astype(int)]


def are_ordered(rows: NDArray[np.float64]) -> bool:
    """Whether neighbouring columns correlate far more than any two columns do, as bands and time points do.

    At least 16 columns; neighbours correlate by at least .6 on average, .3 more than all pairs do, and less the
    further apart they are. The bands of Sonar give .76; after shuffling its columns at most .23 of 2,000 times.

    >>> noise = np.random.default_rng(0).normal(size=(200, 44))
    >>> are_ordered(noise[:, :-4] + noise[:, 1:-3] + noise[:, 2:-2])
    True
    >>> are_ordered(np.random.default_rng(0).normal(size=(200, 40)))
    False
    """
    n = rows.shape[1]
    if n < 16 or len(rows) < 20:
        return False
    filled = np.where(np.isfinite(rows), rows, np.nanmean(np.where(np.isfinite(rows), rows, np.nan), axis=0))
    varied = filled + 1e-12 * np.random.default_rng(0).normal(size=filled.shape)
    together = np.asarray(np.corrcoef(varied.T), dtype=np.float64)
    one, two, three = (np.diagonal(together, lag).mean() for lag in (1, 2, 3))
    pairs = np.abs(together[np.triu_indices(n, 1)]).mean()
    return bool(one >= 0.6 and one > two > three and one - pairs >= 0.3)


def _columns(rows: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each column of a table; missing cells are left out."""
    known = np.isfinite(rows)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0).sum(axis=0) / n
    std = np.sqrt((np.where(known, rows - mean, 0) ** 2).sum(axis=0) / n)
    return tuple(mean.tolist()), tuple(std.tolist())


def _values(
    images: Sequence[Image],
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...], bool]:
    """``low, high, mean, std`` a colour, and whether all pictures are grey.

    8-bit values keep their range; of others the percentiles of the sample become 0 and 1.
    """
    samples, grey, eight = [], True, True
    for image in images:
        values = overview(image, longest=1024).read()
        colours = _finite(values[:-1] if image.channels[-1:] == ("alpha",) else values)
        grey = grey and bool((colours == colours[:1]).all())
        eight = eight and values.dtype == np.uint8
        samples.append(_thinned(colours))
    n = max(len(s) for s in samples)
    pooled = np.concatenate([s if len(s) == n else np.repeat(s[:1], n, axis=0) for s in samples], axis=1).astype(np.float64)
    low, high = np.zeros(n), np.full(n, 255.0)
    if not eight:
        low, high = np.percentile(pooled, PERCENTILES, axis=1)
        high = np.where(high > low, high, low + 1)
    scaled = (pooled - low[:, None]) / (high - low)[:, None]
    numbers = (low, high, scaled.mean(axis=1), scaled.std(axis=1))
    a, b, c, d = (tuple(float(v) for v in column) for column in numbers)
    return a, b, c, d, grey


def _finite(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The samples that are numbers in every channel; the audit has told of the others. One 0 where there are none."""
    if values.dtype.kind != "f":
        return values
    known = values[:, np.isfinite(values.astype(np.float64)).all(axis=0)]
    return known if known.size else np.zeros((len(values), 1), values.dtype)


def _thinned(values: NDArray[np.generic], most: int = 20_000) -> NDArray[np.generic]:
    """``(C, n)``: at most so many samples of an image, evenly spread; each image weighs about the same."""
    flat = values.reshape(len(values), -1)
    return flat[:, :: max(1, flat.shape[1] // most)]
