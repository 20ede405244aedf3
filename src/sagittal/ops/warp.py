"""One read: values and labels taken through the same map from target to source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops import _bytes, _spline, _walk
from sagittal.ops.lowpass import SLACK, shrink

Order = Literal["linear", "nearest"]
Outside = Literal["edge"] | float

Floats = NDArray[np.float64]

NATIVE = frozenset(np.dtype(kind) for kind in ("uint8", "uint16", "int16", "float32"))
"""Element types that the kernels read as they are; all others are copied to float32 first."""

DECIMALS = 9
"""Maps are rounded here, so that a product of inverse affines which should be the identity reads exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadMap:
    """Where to read from: ``source index = affine @ (target index + displacement)``.

    All the geometry of an augmentation and of resampling is in one such map; values, label maps and points
    that go through the same one stay together.

    Args:
        shape: The grid that is made.
        affine: ``(n+1, n+1)``, from target indices to source indices.
        field: Displacements at control points ``(n, *controls)`` in target samples, at least four along each
            axis, between which a cubic B-spline runs; the outermost ones lie one control step off the grid.

    >>> half = ReadMap((2, 2), np.diag([2.0, 2.0, 1.0]))
    >>> gather(np.arange(16, dtype=np.uint8).reshape(1, 4, 4), half, order="nearest")[0].tolist()
    [[0.0, 2.0], [8.0, 10.0]]
    """

    shape: tuple[int, ...]
    affine: Floats = field(repr=False)
    field: Floats | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        n = len(self.shape)
        affine = np.array(self.affine, dtype=np.float64).round(DECIMALS)
        if affine.shape != (n + 1, n + 1) or not math.isfinite(sum(map(sum, affine.tolist()))):
            raise ValueError(f"a map onto {n} axes needs a finite affine of shape {(n + 1, n + 1)}, not {affine.shape}")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", tuple(int(s) for s in self.shape))
        object.__setattr__(self, "affine", affine)
        if self.field is not None:
            bent = np.array(self.field, dtype=np.float64)
            if bent.ndim != n + 1 or bent.shape[0] != n or min(bent.shape[1:]) < _spline.TAPS or not np.isfinite(bent).all():
                raise ValueError(f"a field over {n} axes has shape ({n}, 4 or more ...) and is finite, not {bent.shape}")
            bent.setflags(write=False)
            object.__setattr__(self, "field", bent)

    @property
    def axes(self) -> int:
        """How many axes target and source have."""
        return len(self.shape)

    @property
    def reach(self) -> tuple[float, ...]:
        """How many samples of the source, along each of its axes, a target sample stands for."""
        return tuple(math.hypot(*row[:-1]) for row in self.affine[:-1].tolist())

    def onto(self, affine: ArrayLike) -> ReadMap:
        """The same map into another source, given the affine from the old source's indices to the new one's."""
        return ReadMap(self.shape, np.asarray(affine, dtype=np.float64) @ self.affine, self.field)

    def within(self, window: Window) -> ReadMap:
        """The same map into a window of the source."""
        if not any(window.start):
            return self
        shifted = self.affine.copy()
        shifted[:-1, -1] -= window.start
        return ReadMap(self.shape, shifted, self.field)

    def geometry(self, source: Geometry) -> Geometry:
        """Where the target lies in the world; displacements are not in it."""
        return Geometry(shape=self.shape, affine=source.affine @ self.affine, unit=source.unit, frame=source.frame)

    def source_of(self, index: ArrayLike) -> Floats:
        """Source indices of target indices, ``(..., n)`` to ``(..., n)``."""
        n = self.axes
        at = np.asarray(index, dtype=np.float64)
        if self.field is not None:
            at = at + _spline.displacement(self.field, at, shape=self.shape)
        moved: Floats = at @ self.affine[:n, :n].T + self.affine[:n, n]
        return moved

    def target_of(self, index: ArrayLike, *, steps: int = 30) -> Floats:
        """Target indices of source indices, ``(..., n)`` to ``(..., n)``: the way points and outlines go.

        With a field the answer is found by fixed-point iteration, which converges where the map does not fold.
        """
        n = self.axes
        inverse = np.linalg.inv(self.affine)
        straight: Floats = np.asarray(index, dtype=np.float64) @ inverse[:n, :n].T + inverse[:n, n]
        if self.field is None:
            return straight
        at = straight
        for _ in range(steps):
            at = np.subtract(straight, _spline.displacement(self.field, at, shape=self.shape))
        return at

    def window(self, source: Sequence[int]) -> Window:
        """The part of a source of this shape that is needed to read linearly with antialiasing; never empty."""
        n = self.axes
        bend = [0.0] * n
        if self.field is not None:
            bend = (np.abs(self.affine[:n, :n]) @ np.abs(self.field).reshape(n, -1).max(axis=1)).tolist()
        start, size = [], []
        for row, step, moved, samples in zip(self.affine[:n].tolist(), self.reach, bend, source, strict=True):
            spans = [a * (s - 1) for a, s in zip(row[:-1], self.shape, strict=True)]
            margin = moved + 2 + 2 * step
            low = math.floor(row[-1] + sum(min(a, 0.0) for a in spans) - margin)
            high = math.ceil(row[-1] + sum(max(a, 0.0) for a in spans) + margin) + 1
            low = min(max(low, 0), samples - 1)
            start.append(low)
            size.append(min(max(high, low + 1), samples) - low)
        return Window(tuple(start), tuple(size))


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """A product and a sum for each channel, applied to values as they are read: ``value * factor + offset``.

    Args:
        factor: One for all channels, or one each.
        offset: As many.

    >>> picture = np.full((1, 2, 2), 51, np.uint8)
    >>> gather(picture, ReadMap((1, 1), np.eye(3)), tone=Tone(2.0, -1.0))[0].tolist()
    [[101.0]]
    """

    factor: ArrayLike
    offset: ArrayLike

    def of(self, channels: int) -> NDArray[np.float32]:
        """Factors and offsets of so many channels, float32 ``(2, channels)``."""
        found = np.empty((2, channels), np.float32)
        found[0], found[1] = self.factor, self.offset
        return found


AS_STORED = Tone(1.0, 0.0)


def gather(
    values: NDArray[Any],
    through: ReadMap,
    *,
    order: Order = "linear",
    outside: Outside = "edge",
    antialias: bool = True,
    tone: Tone = AS_STORED,
) -> NDArray[np.float32]:
    """Values on the map's grid.

    Where the map steps over more than one source sample, linear reading averages over the step (a tent, as
    Pillow and torch do it), unless ``antialias`` is off. The step is the affine's: a field is taken to
    keep it. A map that is a shift, a flip or a turn by whole samples gives the values exactly.

    Args:
        values: ``(C, *source)``, any real numbers; ``(C,)`` for a table row, which comes back as it is.
        through: The map, onto as many axes.
        order: ``nearest`` takes the nearest sample, halfway the one of the higher index.
        outside: ``edge`` repeats the edge; a number stands for every sample off the source.
        antialias: Average when the map shrinks; only for ``linear``.
        tone: Applied to what was read, which takes no time here and a pass over the memory elsewhere.

    Returns:
        float32 ``(C, *through.shape)``.

    Raises:
        ValueError: Values and map differ in axes, or the source is empty.
    """
    source = _native(values)
    if source.ndim != through.axes + 1 or 0 in source.shape[1:]:
        raise ValueError(f"values of shape {values.shape} cannot be read onto {through.axes} axes")
    out = np.empty((source.shape[0], *through.shape), np.float32)
    numbers = tone.of(len(source))
    if through.axes == 0 or order == "nearest":
        if through.axes == 0:
            out[:] = source
        else:
            edge_or_number = np.array([] if outside == "edge" else [outside], np.float32)
            _walk.read_nearest(_memory(source), *_lifted(through), edge_or_number, _lift(out))
        if tone is not AS_STORED:
            factor, offset = numbers.reshape(2, -1, *[1] * through.axes)
            out *= factor
            out += offset
        return out
    if not antialias or max(through.reach) <= SLACK:
        _interpolate(source, through, outside=outside, tone=numbers, out=out)
        return out
    for channel in range(len(source)):  # one at a time: the filtered copy stays small
        filtered, strides = shrink(source[channel], through.reach)
        kept = through.onto(np.diag([*(1.0 / s for s in strides), 1.0]))
        one = slice(channel, channel + 1)
        _interpolate(filtered[None], kept, outside=outside, tone=np.ascontiguousarray(numbers[:, one]), out=out[one])
    return out


def gather_labels(labels: NDArray[Any], through: ReadMap, outside: int = -1) -> NDArray[Any]:
    """The nearest label for every sample of the map's grid.

    Args:
        labels: Integers ``(*source)``.
        through: The map.
        outside: Stands for every sample off the source.

    Returns:
        ``through.shape``; the labels' type, or the smallest one that holds ``outside`` too.

    Raises:
        ValueError: Not integers, or other axes than the map's.
    """
    if labels.ndim != through.axes or labels.dtype.kind not in "iub":
        raise ValueError(f"labels are integers with {through.axes} axes, not {labels.dtype} of shape {labels.shape}")
    kind = np.promote_types(labels.dtype, np.min_scalar_type(outside))
    if kind.kind not in "iu":
        kind = np.dtype(np.int64)
    source = labels.astype(kind, copy=False)[None]
    out: NDArray[Any] = np.empty(through.shape, kind)
    if through.axes == 0:
        out[()] = source[0]
        return out
    _walk.read_nearest(_memory(source), *_lifted(through), np.array([outside], kind), _lift(out[None]))
    return out


def _interpolate(values: NDArray[Any], through: ReadMap, *, outside: Outside, tone: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    memory = _memory(values)
    if outside == "edge" and _bytes.fits(*memory):
        _bytes.read_bytes(memory, *_lifted(through), tone, _lift(out))
    else:
        _walk.read_linear(memory, *_lifted(through), np.nan if outside == "edge" else float(outside), tone, _lift(out))


def _native(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype in NATIVE else values.astype(np.float32)


Memory = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]


def _memory(values: NDArray[Any]) -> Memory:
    """``(C, *shape)`` as its memory lies (see :mod:`sagittal.ops._walk`): decoders put channels last, windows leave gaps."""
    width = values.itemsize
    if min(values.strides[1:]) < 0 or any(s % width for s in values.strides):
        values = np.ascontiguousarray(values)
    channels, *shape = values.shape
    first, *steps = (s // width for s in values.strides)
    span = sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) + (channels - 1) * abs(first) + 1
    lowest = values if first >= 0 else values[::-1]
    flat = _flat(lowest, span)
    offsets = np.arange(channels) * first - min(0, (channels - 1) * first)
    one = [1] * (3 - len(shape))
    # An axis of one sample has no next one: both of its samples are the same.
    apart = [s if n > 1 else 0 for n, s in zip(shape, steps, strict=True)]
    return flat, offsets, np.array([*one, *shape]), np.array([*(0 for _ in one), *apart], np.uint64)


def _flat(lowest: NDArray[Any], span: int) -> NDArray[Any]:
    """So many elements in a row from the first one of an array on, whatever the order of its axes."""
    last = lowest.transpose(1, 2, 0) if lowest.ndim == 3 else lowest
    if last.size == span and last.flags.c_contiguous:  # channels last in memory: without numpy's slower way
        return last.reshape(-1)
    return np.lib.stride_tricks.as_strided(lowest, shape=(span,), strides=(lowest.itemsize,))


def _lift(values: NDArray[Any]) -> NDArray[Any]:
    """``(C, *shape)`` seen as ``(C, z, y, x)``: missing axes come first, with one sample."""
    return values.reshape(values.shape[0], *(1,) * (4 - values.ndim), *values.shape[1:])


def _lifted(through: ReadMap) -> tuple[Floats, tuple[Floats, NDArray[np.int64], Floats]]:
    """The affine ``(3, 4)`` of three axes, and how the rows bend (see :mod:`sagittal.ops._walk`)."""
    n = through.axes
    affine = np.zeros((3, 4))
    affine[3 - n :, 3 - n :] = through.affine[:n]
    if through.field is None:
        return affine, (np.zeros((3, 0, 0)), np.zeros(0, np.int64), np.zeros(0))
    bent = np.tensordot(through.affine[:n, :n], through.field, axes=1)
    for axis in range(n - 1):
        weights = _spline.matrix(samples=through.shape[axis], controls=bent.shape[axis + 1])
        along = weights @ bent.reshape(*bent.shape[: axis + 1], bent.shape[axis + 1], -1)
        bent = along.reshape(*bent.shape[: axis + 1], through.shape[axis], *bent.shape[axis + 2 :])
    rows = np.zeros((3, math.prod(through.shape[:-1]), bent.shape[-1]))
    rows[3 - n :] = bent.reshape(n, -1, bent.shape[-1])
    cell, share = _spline.cells(np.arange(through.shape[-1], dtype=np.float64), samples=through.shape[-1], controls=bent.shape[-1])
    starts = np.searchsorted(cell, np.arange(bent.shape[-1] - _spline.TAPS + 2))
    return affine, (rows, starts, share)
