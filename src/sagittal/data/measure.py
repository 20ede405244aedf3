"""What one pass over one case tells: its pixels' hash, a thumbnail, sizes, intensities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal import io
from sagittal.core import Annotation, Case, Geometry, Image, LabelMap, Labels
from sagittal.data._anatomy import Anatomy, Fit, anatomy_of, counts_of, outside_share, strange_numbers, volumes_of
from sagittal.data._aside import aside_of
from sagittal.data._digests import digests, joined
from sagittal.data._planes import Plane, planes
from sagittal.data.drawings import SAME_GRID, drawn_at, grid_apart
from sagittal.data.images import stacked
from sagittal.data.manifest import Manifest
from sagittal.data.signs import Tally, tally, tally_at
from sagittal.data.stains import stained
from sagittal.errors import SagittalError
from sagittal.io.guard import Limits
from sagittal.ops.contiguous import contiguous
from sagittal.ops.overview import overview
from sagittal.ops.stain import Stains

THUMB = 64
"""Side of the thumbnails that copies are looked for in."""

PROBABILITIES = np.array([0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1])
"""Where the distribution of a case's values is sampled."""

_MOST_SORTED = 1 << 16
_PIECE = 1 << 18
_GREY_TOLERANCE = 1.0 / 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What there is to know of one case without keeping its pixels.

    Args:
        id: The case.
        error: Why it cannot be read; everything else is then empty.
        digest: Of the decoded pixels as they are; empty for a case that is one value throughout.
        turned: Of the decoded pixels in the one orientation that all their flips and rotations share.
        shape: Samples along each axis.
        spacing: World units from sample to sample.
        unit: Of the spacing.
        slide: It is read window by window.
        channels: Their names.
        grey: It has colour channels that are all the same.
        dtype: Of the stored values.
        format: Of the file.
        mean: A number a channel.
        square: Mean of the squares, a number a channel.
        quantiles: At ``PROBABILITIES``, over all channels.
        thumb: ``(64, 64)`` uint8 stretched over the case's own range; None where there is nothing to see.
        shares: For a mask: the share of the samples that each class covers.
        anatomy: Where it lies and how its parts fit; None for a table row.
        planes: What people are shown of it, where that was asked for.
        outlines: What its outlines are called and coloured; told too where they are of no known class.
        stains: Of tissue; None of anything else.
        allowed: Codes of what its files would have been refused for, had the user not let it through.
    """

    id: str
    error: SagittalError | None = None
    digest: str = ""
    turned: str = ""
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    unit: str = "none"
    slide: bool = False
    channels: tuple[str, ...] = ()
    grey: bool = False
    dtype: str = ""
    format: str = ""
    mean: tuple[float, ...] = ()
    square: tuple[float, ...] = ()
    quantiles: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    thumb: NDArray[np.uint8] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    anatomy: Anatomy | None = None
    planes: tuple[Plane, ...] = ()
    outlines: Tally = field(default_factory=dict)
    stains: Stains | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What to measure: everything that a worker process needs to open one case.

    Args:
        id: The case.
        images: Locators that can be opened, by channel group.
        annotation: Locator of a mask or outline; empty when there is none.
        labels: The classes of the mask.
        features: Columns of a table row that count.
        objects: The numbers in masks count objects.
        channel_names: What the channels of its one file are, where the data set says so.
        resample: Modalities on other grids are brought onto the first one's, as they will be when they are learned from.
        show: Give planes to look at.
    """

    id: str
    images: Mapping[str, str]
    annotation: str = ""
    labels: Labels
    features: tuple[str, ...] = ()
    objects: bool = False
    channel_names: tuple[str, ...] = ()
    resample: bool = False
    show: bool = False

    @classmethod
    def of(cls, case: Case, manifest: Manifest) -> Asked:
        """The question for a case of a manifest."""
        images = {k: manifest.locate(case.images[k]) for k in manifest.channels if k in case.images}
        return cls(
            id=case.id,
            images=images,
            annotation=manifest.drawn_locator(case),
            labels=manifest.labels,
            features=manifest.features,
            objects=manifest.objects,
            channel_names=manifest.channel_names,
            resample=manifest.resample_modalities,
        )


def measure(asked: Asked, *, limits: Limits | None = None) -> Measured:
    """One pass over one case; an error of the file is part of the answer, not raised."""
    try:
        opened = {name: io.read(source, limits=limits) for name, source in asked.images.items()}
        # They are asked for their pixels more than once here; of a slide an overview is.
        parts = {name: overview(image) for name, image in opened.items()}
        whole = next(iter(opened.values())).geometry
        said = _said(asked, whole, limits)
        found = measured(asked, parts, said)
        let = {str(code) for image in opened.values() for codes in [image.meta.get("allowed")] if isinstance(codes, list) for code in codes}
        outlines = _outlines(asked, said, whole, limits)
        slide = any(image.tiled for image in opened.values())
        return replace(found, shape=whole.shape, spacing=whole.spacing, slide=slide, outlines=outlines, allowed=tuple(sorted(let)))
    except SagittalError as error:
        if error.code != "UNKNOWN_CLASS":
            return Measured(id=asked.id, error=error)
        grid = io.read(next(iter(asked.images.values())), limits=limits).geometry
        return Measured(id=asked.id, error=error, unit=grid.unit, outlines=tally_at(asked.annotation, grid, limits))
    except MemoryError:
        from sagittal.errors import LimitExceeded

        return Measured(id=asked.id, error=LimitExceeded("MEMORY", asked.id, "it does not fit into memory", "make it smaller"))


def measured(asked: Asked, parts: Mapping[str, Image], said: Annotation | None) -> Measured:
    """The measures of what has been read, and of what was drawn on it.

    Args:
        asked: The question.
        parts: Each modality in memory, the first giving the grid; one for most cases.
        said: What was drawn.

    Raises:
        Refused: The modalities cannot be brought together.
    """
    image, apart = _together(asked, parts)
    geometry, whole = image.geometry, _plain(image, contiguous(image.read()), asked.features)
    flat = whole.reshape(whole.shape[0], -1)
    mean, square, quantiles = _statistics(flat)
    grey = geometry.axes == 2 and whole.shape[0] == 3 and _is_grey(flat)
    seen = whole[:1] if grey and (whole[0] == whole[1]).all() and (whole[0] == whole[2]).all() else whole
    blank = bool(geometry.axes) and bool((square - mean**2 <= 1e-12 * square).all()) and bool((flat == flat[:, :1]).all())
    # an only picture is hashed as it is seen: a grey one that is stored in colour is the same picture
    told = {name: part.read() for name, part in parts.items()} if len(parts) > 1 else dict.fromkeys(parts, seen)
    each = {name: digests(values) for name, values in told.items()}
    digest, turned = ("", "") if blank else joined(each)
    strange = () if said is None else strange_numbers(said)
    drawn = said.mask_of(geometry) if said is not None and not strange else None
    counts = None if drawn is None else counts_of(drawn, asked.labels)
    names = _names(image, whole.shape[0], asked)
    own = "" if said is None else grid_apart(said, geometry)
    fit = Fit(apart={**apart, **({"annotation": own} if own else {})}, strange=strange, digests={n: d for n, (d, _) in each.items()})
    return Measured(
        id=asked.id,
        digest=digest,
        turned=turned,
        shape=geometry.shape,
        spacing=geometry.spacing,
        unit=geometry.unit,
        channels=names,
        grey=grey,
        dtype=str(whole.dtype),
        format=str(image.meta.get("format", "")),
        mean=tuple(float(v) for v in mean),
        square=tuple(float(v) for v in square),
        quantiles=quantiles,
        thumb=None if blank or geometry.axes < 2 else thumbnail(seen),
        shares=_shares(counts, asked.labels, flat.shape[1]),
        anatomy=_anatomy(asked, geometry, whole, names, (drawn, counts), fit) if geometry.axes else None,
        planes=planes(whole, geometry, _shown(said, drawn, geometry), ground=_ground(asked.labels)) if asked.show else (),
        stains=stained(whole) if geometry.axes == 2 and not grey else None,
    )


def _together(asked: Asked, parts: Mapping[str, Image]) -> tuple[Image, Mapping[str, str]]:
    """The modalities on the grid of the first, and how the grids of others differ; those that may not be resampled are left out."""
    first = next(iter(parts.values()))
    apart = {n: p.geometry.apart(first.geometry) for n, p in parts.items() if not p.geometry.same_grid(first.geometry, tolerance=SAME_GRID)}
    fitting = {n: p for n, p in parts.items() if asked.resample or n not in apart}
    return stacked(fitting, item=asked.id, resample=asked.resample), apart


def thumbnail(values: NDArray[Any]) -> NDArray[np.uint8] | None:
    """A picture's ``(64, 64)`` uint8, of a volume its middle slice; None when nearly nothing can be seen."""
    while values.ndim > 3:
        values = values[..., values.shape[-1] // 2]
    shrunk = [cv2.resize(_resizable(c), (THUMB, THUMB), interpolation=cv2.INTER_AREA) for c in values[:3]]
    grey = np.nan_to_num(np.mean(np.stack(shrunk), axis=0, dtype=np.float32), posinf=0, neginf=0)
    low, high = float(grey.min()), float(grey.max())
    if high - low <= 1e-6 * max(1.0, abs(high)):
        return None
    stretched: NDArray[np.uint8] = np.rint((grey - low) * (255 / (high - low))).astype(np.uint8)
    return stretched


def _resizable(channel: NDArray[Any]) -> NDArray[Any]:
    """A channel of a type that OpenCV can resize."""
    kept = channel if channel.dtype in {np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)} else channel.astype(np.float32)
    return np.ascontiguousarray(kept)


def _plain(image: Image, values: NDArray[Any], features: tuple[str, ...]) -> NDArray[Any]:
    """The values without an alpha channel that hides nothing, and of a table row only what counts."""
    if features and image.geometry.axes == 0:
        place = {name: i for i, name in enumerate(image.channels)}
        return values[[place[f] for f in features if f in place]]
    if image.channels and image.channels[-1] == "alpha" and (values[-1] == values[-1].max()).all():
        return values[:-1]
    return values


def _names(image: Image, count: int, asked: Asked) -> tuple[str, ...]:
    if asked.features and image.geometry.axes == 0:
        return tuple(f for f in asked.features if f in image.channels)
    return asked.channel_names if len(asked.channel_names) == count else image.channels[:count]


def _is_grey(flat: NDArray[Any]) -> bool:
    """Whether three colours are the same but for what JPEG makes of them."""
    step = max(1, flat.shape[1] // 4096)
    some = flat[:, ::step].astype(np.float64)
    span = 255.0 if flat.dtype == np.uint8 else float(np.abs(some).max()) or 1.0
    return float(np.abs(some - some.mean(axis=0)).mean()) <= _GREY_TOLERANCE * span


def _statistics(flat: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Mean and mean square a channel, and the quantiles of all channels together.

    Exact for bytes, by way of their histogram; quantiles of other types come from at most 65,536 evenly chosen
    samples and the two ends.
    """
    if flat.dtype == np.uint8:
        counts = np.stack([cv2.calcHist([np.ascontiguousarray(c)], [0], None, [256], [0, 256]).reshape(-1) for c in flat]).astype(
            np.float64
        )
        level = np.arange(256.0)
        below = np.cumsum(counts.sum(axis=0))
        quantiles = np.searchsorted(below, np.maximum(1, PROBABILITIES * flat.size)).astype(np.float32)
        return counts @ level / flat.shape[1], counts @ level**2 / flat.shape[1], quantiles
    if flat.dtype.kind != "f" or np.isfinite(flat).all():
        some = np.quantile(flat.reshape(-1)[:: max(1, flat.size // _MOST_SORTED)], PROBABILITIES)
        some[0], some[-1] = flat.min(), flat.max()
        square = np.array([_squares(c) for c in flat]) / flat.shape[1]
        return flat.mean(axis=1, dtype=np.float64), square, some.astype(np.float32)
    finite = flat.astype(np.float64)
    finite[~np.isfinite(finite)] = np.nan
    if np.isnan(finite).all():
        return np.zeros(len(flat)), np.zeros(len(flat)), np.zeros(len(PROBABILITIES), np.float32)
    every = finite.reshape(-1)
    quantiles = np.nanquantile(every[:: max(1, every.size // _MOST_SORTED)], PROBABILITIES)
    quantiles[0], quantiles[-1] = np.nanmin(every), np.nanmax(every)
    empty = np.isnan(finite).all(axis=1)
    finite[empty] = 0
    return np.nanmean(finite, axis=1), np.nanmean(finite**2, axis=1), quantiles.astype(np.float32)


def _squares(numbers: NDArray[Any]) -> float:
    """The sum of squares in float64, a piece at a time: a volume is not copied in a wider type."""
    pieces = (numbers[n : n + _PIECE].astype(np.float64) for n in range(0, len(numbers), _PIECE))
    return float(sum(np.dot(piece, piece) for piece in pieces))


def _said(asked: Asked, like: Geometry, limits: Limits | None) -> Annotation | None:
    if not asked.annotation:
        return None
    return drawn_at(asked.annotation, asked.labels, like=like, objects=asked.objects, limits=limits)


def _outlines(asked: Asked, said: Annotation | None, grid: Geometry, limits: Limits | None) -> Tally:
    """The tally of what was drawn, with what the labels leave out."""
    left_out = any(not name for name in asked.labels.words.values())
    return tally_at(asked.annotation, grid, limits) if left_out and asked.annotation else tally(said, grid)


def _shares(counts: NDArray[np.int64] | None, labels: Labels, size: int) -> Mapping[str, float]:
    """How much of the case each class covers, where classes were drawn."""
    return {} if counts is None else {name: float(n) / max(1, size) for name, n in zip(labels.classes, counts, strict=True)}


def _shown(said: Annotation | None, drawn: NDArray[Any] | None, geometry: Geometry) -> NDArray[Any] | None:
    """What is outlined: single objects where they are numbered, else classes."""
    return said.instances_of(geometry)[0] if isinstance(said, LabelMap) and said.objects else drawn


def _ground(labels: Labels) -> int:
    return labels.index(labels.background) if labels.background is not None else -1


def _anatomy(
    asked: Asked,
    geometry: Geometry,
    whole: NDArray[Any],
    names: tuple[str, ...],
    told: tuple[NDArray[Any] | None, NDArray[np.int64] | None],
    fit: Fit,
) -> Anatomy:
    several = len(whole) > 1 and (len(asked.images) > 1 or bool(asked.channel_names))
    # Pictures are many and small: what is told of volumes would double the time of their pass.
    found = anatomy_of(whole, geometry, names, several=several) if geometry.axes > 2 or several else Anatomy()
    broken = 0 if whole.dtype.kind != "f" else int(whole.size - np.isfinite(whole).sum())
    drawn, counts = told
    if drawn is not None and counts is not None and geometry.axes > 2:
        ground = _ground(asked.labels)
        outside, aside = outside_share(whole, drawn, ground), aside_of(whole, drawn, ground, geometry)
        found = replace(found, volumes=volumes_of(counts, asked.labels, geometry), outside=outside, aside=aside)
    return replace(found, broken=broken, fit=fit)
