"""What one pass tells of a case beyond its pixels: where it lies, what its numbers are, whether its parts belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, LabelMap, Labels
from sagittal.core.annotation import Annotation

LEVELS = (0.0, 0.005, 0.5, 0.995, 1.0)
"""Where the values of each channel are told: the least, the middle, the most, and the two within which nearly all lie."""

_SHAPE = np.linspace(0.1, 0.9, 9)
_MOST_SORTED = 1 << 16
_BINS = 32
_STRIPPED = 0.2
_LEAST_CORNERS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How the parts of a case fit together.

    Args:
        apart: Of a modality, or of the ``annotation``, how its grid differs from the image's.
        strange: Numbers of the label map that stand for no class.
        digests: Of each modality its pixels' hash.
    """

    apart: Mapping[str, str] = field(default_factory=dict)
    strange: tuple[int, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Anatomy:
    """Where a case lies and how its parts fit.

    Args:
        orientation: The world axis that each index axis runs along: ``RAS``, ``LPI``; empty where it is not known.
        placed: Whether the header says where it lies.
        levels: Of each channel its values at ``LEVELS``.
        broken: Samples that are no number, or infinite.
        constant: Channels that are one value while others are not.
        volumes: Of each class what it covers, in ml; for pictures nothing.
        outside: The share of what was drawn that lies where the image is exactly 0; None where its surroundings were not blanked.
        aside: How far drawn borders lie beside those of the image, to the right, the front and the top; see :mod:`sagittal.data._aside`.
        shapes: ``(C, 9)``, of each channel how the values that are not 0 are spread, from 0 to 1.
        kinship: Of each channel after the first how much it tells of the first (mutual information, 0 to 1).
        fit: How its parts fit together.
    """

    orientation: str = ""
    placed: bool = True
    levels: tuple[tuple[float, ...], ...] = ()
    broken: int = 0
    constant: tuple[str, ...] = ()
    volumes: Mapping[str, float] = field(default_factory=dict)
    outside: float | None = None
    aside: tuple[float, ...] = ()
    shapes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, len(_SHAPE)), np.float32), repr=False)
    kinship: tuple[float, ...] = ()
    fit: Fit = field(default_factory=Fit)

    @property
    def notable(self) -> bool:
        """Whether there is anything to say of a picture."""
        return bool(self.levels or self.broken or self.fit.apart or self.fit.strange)


def anatomy_of(values: NDArray[Any], geometry: Geometry, names: Sequence[str], *, several: bool) -> Anatomy:
    """What the values ``(C, *shape)`` of a volume, or of several modalities, tell.

    Args:
        values: On one grid.
        geometry: The grid.
        names: Of the channels.
        several: The channels are modalities, so they can be compared.
    """
    levels = levels_of(values)
    return Anatomy(
        orientation=orientation_of(geometry),
        placed=geometry.axes < 3 or geometry.frame == "patient",
        levels=levels,
        constant=constant_channels(levels, names),
        shapes=shapes_of(values) if several else np.zeros((0, len(_SHAPE)), np.float32),
        kinship=kinship_of(values) if several else (),
    )


def orientation_of(geometry: Geometry) -> str:
    """The direction in the body of each index axis, as letters; empty where the grid has no place in a patient.

    >>> orientation_of(Geometry(shape=(2, 2, 2), affine=np.diag([-1, -1, 3, 1]), unit="mm", frame="patient"))
    'LPS'
    """
    if geometry.axes != 3 or geometry.frame != "patient":
        return ""
    along = geometry.affine[:3, :3] / np.array(geometry.spacing)
    letters = []
    for axis in range(3):
        world = int(np.abs(along[:, axis]).argmax())
        letters.append(("RAS" if along[world, axis] > 0 else "LPI")[world])
    return "".join(letters)


def levels_of(values: NDArray[Any]) -> tuple[tuple[float, ...], ...]:
    """Of each channel of ``(C, *shape)`` its values at ``LEVELS``; what is no number does not count."""
    told = []
    for channel in values:
        some = _thinned(channel)
        if not some.size:
            told.append((0.0,) * len(LEVELS))
            continue
        inner = np.quantile(some, LEVELS[1:-1])
        ends = channel.min(), channel.max()
        if not np.isfinite(ends).all():
            known = channel[np.isfinite(channel)]
            ends = known.min(), known.max()
        told.append((float(ends[0]), *(float(v) for v in inner), float(ends[1])))
    return tuple(told)


def shapes_of(values: NDArray[Any]) -> NDArray[np.float32]:
    """How the values of each channel are spread inside the body, whatever their scale: ``(C, 9)``.

    The deciles of the samples that differ from the commonest end (0, or the least value), the 5th percentile of them put
    to 0 and the 95th to 1.
    """
    told = []
    for channel in values:
        some = _thinned(channel)
        inside = some[some > some.min()] if some.size else some
        low, high = np.quantile(inside, (0.05, 0.95)) if inside.size > 20 else (0.0, 0.0)
        told.append((np.quantile(inside, _SHAPE) - low) / (high - low) if high > low else np.zeros(len(_SHAPE)))
    return np.asarray(told, dtype=np.float32).reshape(len(values), len(_SHAPE))


def kinship_of(values: NDArray[Any]) -> tuple[float, ...]:
    """How much each further channel tells of the first, sample by sample: normalised mutual information, 0 to 1.

    Source: Studholme, Hill & Hawkes, Pattern Recognition 32 (1999) 71, less 1.
    """
    step = max(1, round((values[0].size / _MOST_SORTED) ** (1 / (values.ndim - 1))))
    thin = [np.nan_to_num(np.asarray(c[(slice(None, None, step),) * c.ndim], dtype=np.float64)).ravel() for c in values]
    return tuple(_shared_information(thin[0], other) for other in thin[1:])


def _shared_information(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    edges = [np.unique(np.quantile(v, np.linspace(0, 1, _BINS + 1))) for v in (a, b)]
    if min(map(len, edges)) < 3:
        return 0.0
    joint = np.histogram2d(a, b, bins=(edges[0], edges[1]))[0] / len(a)
    alone = [_entropy(joint.sum(axis=axis)) for axis in (1, 0)]
    both = _entropy(joint.ravel())
    return float(sum(alone) / both - 1) if both > 0 else 0.0


def _entropy(shares: NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def strange_numbers(said: Annotation) -> tuple[int, ...]:
    """The numbers of a label map that stand for no class, at most ten of them."""
    if not isinstance(said, LabelMap) or said.objects:
        return ()
    known = {n for name in said.labels.classes for n in said.labels.numbers(name)} | {*said.labels.ignored, -1}
    found = np.unique(said.image.read())
    return tuple(int(n) for n in found if int(n) not in known)[:10]


def counts_of(drawn: NDArray[Any], labels: Labels) -> NDArray[np.int64]:
    """How many samples each class has, ``(K,)``; those that are not known do not count."""
    counted: NDArray[np.int64] = np.bincount((drawn + 1).ravel(order="K"), minlength=len(labels) + 1)[1:]
    return counted


def volumes_of(counts: NDArray[np.int64], labels: Labels, geometry: Geometry) -> dict[str, float]:
    """What each class covers, in ml; nothing where the grid is not in mm."""
    if geometry.unit != "mm" or geometry.axes != 3:
        return {}
    voxel = abs(float(np.linalg.det(geometry.affine[:3, :3]))) / 1000
    return {name: float(n) * voxel for name, n in zip(labels.classes, counts, strict=True) if name != labels.background}


def outside_share(values: NDArray[Any], drawn: NDArray[Any], ground: int) -> float | None:
    """The share of what was drawn that lies where every channel is exactly 0.

    Returns:
        None unless the surroundings were blanked (a skull stripped, a body cut out): nothing below 0, a fifth of it exactly 0,
        and so are its corners.
    """
    if drawn.ndim != 3:
        return None
    empty = np.logical_and.reduce([channel == 0 for channel in values])
    corners = empty[np.ix_(*((0, n - 1) for n in empty.shape))]
    if float(empty.mean()) < _STRIPPED or int(corners.sum()) < _LEAST_CORNERS or bool((values < 0).any()):
        return None
    some = (drawn >= 0) & (drawn != ground)
    n = int(some.sum())
    return float((empty & some).sum() / n) if n else None


def constant_channels(levels: Sequence[Sequence[float]], names: Sequence[str]) -> tuple[str, ...]:
    """The channels that are one value, where others are not."""
    flat = [name for name, level in zip(names, levels, strict=True) if level[0] == level[-1]]
    return tuple(flat) if len(flat) < len(levels) else ()


def _thinned(channel: NDArray[Any]) -> NDArray[np.float64]:
    # Every so many along each axis: flattening would copy the whole volume first.
    step = max(1, int((channel.size / _MOST_SORTED) ** (1 / max(1, channel.ndim))))
    some = channel[(slice(None, None, step),) * channel.ndim].astype(np.float64).ravel()
    known: NDArray[np.float64] = some[np.isfinite(some)]
    return known
