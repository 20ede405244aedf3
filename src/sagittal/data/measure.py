"""What one pass over one case tells: its pixels' hash, a thumbnail, sizes, intensities."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal import io
from sagittal.core import Case, Image, Labels
from sagittal.data.manifest import Manifest, drawn_at
from sagittal.errors import SagittalError
from sagittal.io.guard import Limits

THUMB = 64
"""Side of the thumbnails that copies are looked for in."""

PROBABILITIES = np.array([0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1])
"""Where the distribution of a case's values is sampled."""

_MOST_SORTED = 1 << 16
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
        channels: Their names.
        grey: It has colour channels that are all the same.
        dtype: Of the stored values.
        format: Of the file.
        mean: A number a channel.
        square: Mean of the squares, a number a channel.
        quantiles: At ``PROBABILITIES``, over all channels.
        thumb: ``(64, 64)`` uint8 stretched over the case's own range; None where there is nothing to see.
        shares: For a mask: the share of the samples that each class covers.
    """

    id: str
    error: SagittalError | None = None
    digest: str = ""
    turned: str = ""
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    unit: str = "none"
    channels: tuple[str, ...] = ()
    grey: bool = False
    dtype: str = ""
    format: str = ""
    mean: tuple[float, ...] = ()
    square: tuple[float, ...] = ()
    quantiles: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    thumb: NDArray[np.uint8] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)


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
    """

    id: str
    images: Mapping[str, str]
    annotation: str = ""
    labels: Labels
    features: tuple[str, ...] = ()
    objects: bool = False

    @classmethod
    def of(cls, case: Case, manifest: Manifest) -> Asked:
        """The question for a case of a manifest."""
        images = {k: manifest.locate(v) for k, v in case.images.items()}
        annotation = manifest.locate(case.annotation) if case.annotation else ""
        return cls(
            id=case.id, images=images, annotation=annotation, labels=manifest.labels, features=manifest.features, objects=manifest.objects
        )


def measure(asked: Asked, *, limits: Limits | None = None) -> Measured:
    """One pass over one case; an error of the file is part of the answer, not raised."""
    try:
        images = [io.read(source, limits=limits) for source in asked.images.values()]
        values = [image.read() for image in images]
        shares = _shares(asked, images[0])
    except SagittalError as error:
        return Measured(id=asked.id, error=error)
    except MemoryError:
        from sagittal.errors import LimitExceeded

        return Measured(id=asked.id, error=LimitExceeded("MEMORY", asked.id, "it does not fit into memory", "make it smaller"))
    return measured(asked, images, values, shares)


def measured(asked: Asked, images: list[Image], values: list[NDArray[Any]], shares: Mapping[str, float]) -> Measured:
    """The measures of values that have been read."""
    first, whole = images[0], _plain(images[0], values[0], asked.features)
    flat = whole.reshape(whole.shape[0], -1)
    mean, square, quantiles = _statistics(flat)
    grey = whole.shape[0] == 3 and _is_grey(flat)
    seen = whole[:1] if grey and (whole[0] == whole[1]).all() and (whole[0] == whole[2]).all() else whole
    blank = bool(first.geometry.axes) and bool((square - mean**2 <= 1e-12 * square).all()) and bool((flat == flat[:, :1]).all())
    digest, turned = ("", "") if blank else digests(seen)
    for other in values[1:]:
        more = digests(np.asarray(other))
        digest, turned = _both(digest, more[0]), _both(turned, more[1])
    return Measured(
        id=asked.id,
        digest=digest,
        turned=turned,
        shape=first.geometry.shape,
        spacing=first.geometry.spacing,
        unit=first.geometry.unit,
        channels=_names(first, whole.shape[0], asked.features),
        grey=grey,
        dtype=str(whole.dtype),
        format=str(first.meta.get("format", "")),
        mean=tuple(float(v) for v in mean),
        square=tuple(float(v) for v in square),
        quantiles=quantiles,
        thumb=None if blank or first.geometry.axes < 2 else thumbnail(seen),
        shares=shares,
    )


def digests(values: NDArray[Any]) -> tuple[str, str]:
    """Hashes of ``(C, *shape)``: as it is, and the same for all its flips and rotations.

    >>> a = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    >>> one, two = digests(a), digests(a[:, ::-1].swapaxes(1, 2))
    >>> one[0] == two[0], one[1] == two[1]
    (False, True)
    """
    plain = _hash(values)
    return plain, min(_hash(turned) for turned in _canonical(values)) if values.ndim > 1 else plain


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


def _names(image: Image, count: int, features: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f for f in features if f in image.channels) if features and image.geometry.axes == 0 else image.channels[:count]


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
        square = np.array([np.dot(c, c) for c in flat.astype(np.float64)]) / flat.shape[1]
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


def _canonical(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The orientation (or, where several look alike, orientations) that flips and rotations of the axes lead to.

    The sums over the corners of the grid tell orientations apart; they are whole numbers, so that no order of
    summation changes them. Only their smallest arrangement is hashed, not all 8 (or, for volumes, 48).
    """
    axes = values.ndim - 1
    whole = _as_whole(values)
    halves = [(slice(0, n // 2), slice(n - n // 2, n)) for n in values.shape[1:]]
    corners = np.array([int(whole[(slice(None), *pick)].sum(dtype=np.uint64)) for pick in itertools.product(*halves)], dtype=object)
    corners = corners.reshape((2,) * axes)
    turned = {}
    for order in itertools.permutations(range(axes)):
        for flips in itertools.product((1, -1), repeat=axes):
            arranged = corners.transpose(order)[tuple(slice(None, None, f) for f in flips)]
            key = (tuple(values.shape[1 + a] for a in order), tuple(arranged.reshape(-1)))
            turned[order, flips] = key
    least = min(turned.values())
    for (order, flips), key in turned.items():
        if key == least:
            yield values.transpose(0, *(a + 1 for a in order))[(slice(None), *(slice(None, None, f) for f in flips))]


def _as_whole(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers that stand for the values one to one, so that sums are exact."""
    if values.dtype.kind == "f":
        return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    return values


def _hash(values: NDArray[Any]) -> str:
    state = hashlib.blake2b(repr((values.shape, values.dtype.str)).encode(), digest_size=16)
    state.update(np.ascontiguousarray(values).data)
    return state.hexdigest()


def _both(a: str, b: str) -> str:
    return hashlib.blake2b(f"{a} {b}".encode(), digest_size=16).hexdigest() if a or b else ""


def _shares(asked: Asked, image: Image) -> Mapping[str, float]:
    """How much of the case each class covers, where classes were drawn."""
    if not asked.annotation:
        return {}
    said = drawn_at(asked.annotation, asked.labels, like=image.geometry, objects=asked.objects)
    drawn = said.mask_of(image.geometry)
    counts = np.bincount(drawn[drawn >= 0].reshape(-1), minlength=len(asked.labels))
    return {name: float(n) / max(1, drawn.size) for name, n in zip(asked.labels.classes, counts, strict=True)}
