"""One read: values and labels taken through the same map from target to source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sagittal.core.window import Window
from sagittal.ops import _bytes, _volume, _walk
from sagittal.ops._memory import LiftedMap, lift, lift_map, memory_of
from sagittal.ops.lowpass import SLACK, shrink, shrinking_taps
from sagittal.ops.readmap import ReadMap as ReadMap

Order = Literal["linear", "nearest"]
Outside = Literal["edge"] | float

NATIVE = frozenset(np.dtype(kind) for kind in ("uint8", "uint16", "int16", "float32"))
"""Element types that the kernels read as they are; all others are copied to float32 first."""

VOLUME = 3
"""Axes of what has a kernel of its own."""


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
        """Factors and offsets of so many channels, float32 ``(2, channels)``; not to be written to."""
        return _numbers(self, channels)


@lru_cache(maxsize=64)
def _numbers(tone: Tone, channels: int) -> NDArray[np.float32]:
    found = np.empty((2, channels), np.float32)
    found[0], found[1] = tone.factor, tone.offset
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
    if values.ndim != through.axes + 1 or 0 in values.shape[1:]:
        raise ValueError(f"values of shape {values.shape} cannot be read onto {through.axes} axes")
    out = np.empty((values.shape[0], *through.shape), np.float32)
    numbers = tone.of(len(values))
    smooth = order == "linear" and antialias and max(through.reach, default=1.0) > SLACK
    source, through = _needed(values, through, smooth=smooth)
    if through.axes == 0 or order == "nearest":
        if through.axes == 0:
            out[:] = source
        else:
            edge_or_number = np.array([] if outside == "edge" else [outside], np.float32)
            _walk.read_nearest(memory_of(source), *_lifted(through), edge_or_number, lift(out))
        if tone is not AS_STORED:
            factor, offset = numbers.reshape(2, -1, *[1] * through.axes)
            out *= factor
            out += offset
        return out
    if not smooth:
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
    source, out = _named(labels, through, outside)
    if through.axes == 0:
        out[()] = source
        return out
    _walk.read_nearest(memory_of(source[None]), *_lifted(through), np.array([outside], out.dtype), lift(out[None]))
    return out


def gather_pair(
    values: NDArray[Any],
    labels: NDArray[Any],
    through: ReadMap,
    *,
    outside: Outside = "edge",
    label_outside: int = -1,
    tone: Tone = AS_STORED,
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """:func:`gather` of values and :func:`gather_labels` of the labels on the same grid, volumes in one walk.

    Args:
        values: ``(C, *source)``. Only what the map needs is touched, so that arrays may be memory-mapped; float32, int16,
            uint16 and uint8 are read where they lie.
        labels: Integers ``(*source)``.
        through: The map.
        outside: Of values, as in :func:`gather`.
        label_outside: Of labels, as in :func:`gather_labels`.
        tone: Applied to the values.

    Returns:
        float32 ``(C, *through.shape)``, and the labels ``through.shape``.

    Raises:
        ValueError: Values, labels and map do not go together.

    >>> image, names = np.eye(3, dtype=np.float32)[None, None], np.eye(3, dtype=np.uint8)[None]
    >>> image, names = gather_pair(image, names, ReadMap((1, 2, 2), np.eye(4)), label_outside=0)
    >>> bool((image[0] == names).all()), names.dtype
    (True, dtype('uint8'))
    """
    if labels.shape != values.shape[1:]:
        raise ValueError(f"labels of shape {labels.shape} do not lie on the grid of values of shape {values.shape}")
    if through.axes != VOLUME or max(through.reach) > SLACK:
        return gather(values, through, outside=outside, tone=tone), gather_labels(labels, through, label_outside)
    named, found = _named(labels, through, label_outside)
    needed, near = _needed(values, through, smooth=False)
    if needed is not values:
        named = named[through.window(labels.shape).slices]
    out = np.empty((values.shape[0], *through.shape), np.float32)
    beyond = np.array([label_outside], found.dtype)
    _read_volume(needed, near, outside=outside, tone=tone.of(len(values)), out=out, marks=(named, beyond, found))
    return out, found


def _interpolate(values: NDArray[Any], through: ReadMap, *, outside: Outside, tone: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    if through.axes == VOLUME:
        _read_volume(values, through, outside=outside, tone=tone, out=out, marks=None)
        return
    memory = memory_of(values)
    of_bytes = _bytes.reader_of(memory) if outside == "edge" else None
    if of_bytes is not None:
        of_bytes(memory, *_lifted(through), tone, lift(out))
    else:
        _walk.read_linear(memory, *_lifted(through), _beyond(outside), tone, lift(out))


Marks = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def _read_volume(
    values: NDArray[Any], through: ReadMap, *, outside: Outside, tone: NDArray[np.float32], out: NDArray[np.float32], marks: Marks | None
) -> None:
    """``marks``: the label map, what stands off its grid, and where the labels go."""
    labels, beyond, names = marks or (np.empty((0, 1, 1), np.uint8), np.empty(0, np.uint8), np.empty((0, *through.shape[1:]), np.uint8))
    flat, _, _, steps = memory_of(labels[None]) if labels.size else (labels.reshape(-1), None, None, np.zeros(3, np.uint64))
    _volume.read_volume(memory_of(values), (flat, steps, beyond), *_lifted(through), _beyond(outside), tone, out, names)


def _beyond(outside: Outside) -> float:
    """The kernels' word for the edge is NaN."""
    return np.nan if outside == "edge" else float(outside)


def _needed(values: NDArray[Any], through: ReadMap, *, smooth: bool) -> tuple[NDArray[Any], ReadMap]:
    """What must be converted or filtered is first cut to what the map needs, and the map into that; others come as they are."""
    if through.axes == 0 or (values.dtype in NATIVE and not smooth):
        return _native(values), through
    window = needed(through, values.shape[1:], smooth=smooth)
    return _native(values[(slice(None), *window.slices)]), through.within(window)


def needed(through: ReadMap, source: Sequence[int], *, smooth: bool | None = None) -> Window:
    """The part of a source of this shape that :func:`gather` needs: reading that part gives what reading all gives.

    Args:
        through: The map.
        source: The shape of what it reads.
        smooth: Whether it averages over more than one sample; None finds out from the map.
    """
    window = through.window(source)
    averages = max(through.reach, default=1.0) > SLACK if smooth is None else smooth
    # Filtered values are kept at every stride-th sample: of the whole source's, wherever the window begins.
    strides = [shrinking_taps(step)[1] if averages else 1 for step in through.reach]
    start = tuple(a // s * s for a, s in zip(window.start, strides, strict=True))
    return Window(start, tuple(b - a for a, b in zip(start, window.stop, strict=True)))


def _native(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype in NATIVE else values.astype(np.float32)


def _named(labels: NDArray[Any], through: ReadMap, outside: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels in the machine's byte order, and an array for what is read: of the smallest type that holds ``outside`` too."""
    if labels.ndim != through.axes or labels.dtype.kind not in "iub":
        raise ValueError(f"labels are integers with {through.axes} axes, not {labels.dtype} of shape {labels.shape}")
    kind = np.promote_types(labels.dtype, np.min_scalar_type(outside))
    source = labels if labels.dtype.isnative else labels.astype(labels.dtype.newbyteorder("="))
    return source, np.empty(through.shape, kind if kind.kind in "iu" else np.int64)


def _lifted(through: ReadMap) -> LiftedMap:
    return lift_map(through.affine, through.field, shape=through.shape)
