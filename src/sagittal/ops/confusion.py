"""Label maps counted: which class of one meets which of another, and where each class lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE
from sagittal.ops._jit import kernel

Map = NDArray[np.integer[Any]] | NDArray[np.bool_]


def confusion(truth: Map, answer: Map, classes: int) -> NDArray[np.int64]:
    """How many samples are of which class in one label map and of which in another.

    Label maps repeat themselves: both are read eight bytes at a time, and a pair of words that comes again and again
    is counted once. Smooth maps cost little more than reading them.

    Args:
        truth: Class indices; ``IGNORE`` where nothing is known.
        answer: Class indices of the same shape.
        classes: How many classes there are.

    Returns:
        ``(K + 1, K)``: the row is the class in the truth, the last one ``IGNORE``; the column the class in the answer.

    Raises:
        ValueError: The shapes differ, or a number is not a class index.

    >>> confusion(np.array([0, 1, 1, -1]), np.array([0, 1, 0, 1]), 2).tolist()
    [[1, 0], [1, 1], [0, 1]]
    """
    if truth.shape != answer.shape:
        raise ValueError(f"truth {truth.shape} and answer {answer.shape} are not on one grid")
    t, a = narrow(truth).reshape(-1), narrow(answer).reshape(-1)
    if t.dtype != a.dtype:
        t, a = t.astype(np.int16), a.astype(np.int16)
    # Two tables in turns: the processor then does not wait for one sum before it adds to it again.
    tables = np.zeros((2, classes + 1, classes), dtype=np.int64)
    bits = np.uint64(8 * t.itemsize)
    whole = t.size * t.itemsize // 8 * 8 // t.itemsize
    strange = _count_words(t[:whole].view(np.uint64), a[:whole].view(np.uint64), bits, IGNORE, tables)
    strange += _count(t[whole:], a[whole:], IGNORE, tables[0])
    if strange:
        raise ValueError(f"a mask holds a number that is not a class index of 0 to {classes - 1}")
    counts: NDArray[np.int64] = tables.sum(axis=0)
    return counts


def boxes(labels: Map, classes: int) -> list[tuple[slice, ...] | None]:
    """The smallest part of the grid that holds all samples of a class; None for a class that is not there.

    Args:
        labels: Class indices on one to three axes; other numbers are passed over.
        classes: How many classes there are.

    >>> boxes(np.array([[0, 0, 1], [0, 1, 1]]), 3)
    [(slice(0, 2, None), slice(0, 2, None)), (slice(0, 2, None), slice(1, 3, None)), None]
    """
    lifted = narrow(labels).reshape((1,) * (3 - labels.ndim) + labels.shape)
    low = np.full((classes, 3), max(labels.shape, default=0), dtype=np.int64)
    high = np.zeros((classes, 3), dtype=np.int64)
    _bound(lifted, low, high)
    found = [tuple(slice(int(a), int(b)) for a, b in zip(low[k], high[k], strict=True)) for k in range(classes)]
    return [box[3 - labels.ndim :] if box[0].stop else None for box in found]


def narrow(labels: Map) -> NDArray[np.integer[Any]]:
    """The label map, contiguous, as ``uint8`` or ``int16``: two kinds that kernels are compiled for.

    Raises:
        ValueError: A number does not fit into 16 bits.
    """
    if labels.dtype == np.bool_:
        return np.ascontiguousarray(labels).view(np.uint8)
    if labels.dtype not in (np.uint8, np.int16):
        if labels.size and not (labels.min() >= -(2**15) and labels.max() < 2**15):
            raise ValueError("a mask holds a number that is not a class index")
        labels = labels.astype(np.int16)
    return np.ascontiguousarray(labels)


@kernel
def _count_words(t: Any, a: Any, bits: Any, ignore: int, tables: Any) -> int:
    """Count pairs of samples, so many bits each, a word at a time; how many are of no class."""
    classes = tables.shape[2]
    each = 64 // np.int64(bits)
    first = (np.uint64(1) << bits) - np.uint64(1)
    unknown = np.uint64(ignore) & first
    # A word of one class alone is its first sample times this.
    same = ~np.uint64(0) // first
    i, strange = 0, np.int64(0)
    while i < len(t):
        true, said, start = t[i], a[i], i
        while i < len(t) and t[i] == true and a[i] == said:
            i += 1
        alone = true == (true & first) * same and said == (said & first) * same
        times, samples = ((i - start) * each, 1) if alone else (i - start, each)
        for j in range(samples):
            x, y = np.int64(true & first), np.int64(said & first)
            if x < classes and y < classes:
                tables[j & 1, x, y] += times
            elif x == unknown and bits > 8 and y < classes:
                tables[0, classes, y] += times
            else:
                strange += times
            true >>= bits
            said >>= bits
    return int(strange)


@kernel
def _count(t: Any, a: Any, ignore: int, table: Any) -> int:
    """The same of the few samples that fill no word."""
    classes = table.shape[1]
    strange = 0
    for i in range(len(t)):
        x, y = np.int64(t[i]), np.int64(a[i])
        if (0 <= x < classes or x == ignore) and 0 <= y < classes:
            table[x, y] += 1  # IGNORE is -1: the last row
        else:
            strange += 1
    return strange


@kernel
def _bound(labels: Any, low: Any, high: Any) -> None:
    """Lower ``low`` and raise ``high`` ``(K, 3)`` to what each class needs."""
    depth, rows, width = labels.shape
    for z in range(depth):
        for y in range(rows):
            row = labels[z, y]
            x = 0
            while x < width:
                k, start = row[x], x
                while x < width and row[x] == k:
                    x += 1
                if 0 <= k < len(low):
                    low[k, 0], high[k, 0] = min(low[k, 0], z), max(high[k, 0], z + 1)
                    low[k, 1], high[k, 1] = min(low[k, 1], y), max(high[k, 1], y + 1)
                    low[k, 2], high[k, 2] = min(low[k, 2], start), max(high[k, 2], x)
