"""Windows merged in a ring are what they are merged at once, and take the memory of the open rows only."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from sagittal.core.window import Window
from sagittal.ops.ring import Lattice, Ring, fade, highest
from sagittal.windows._windowing import places


def cover(shape, size, overlap):
    return [Window(at, size) for at in itertools.product(*(places(n, s, overlap) for n, s in zip(shape, size, strict=True)))]


def slow(windows, scores, shape, blend):
    """Every window's weighted scores added up in float64, divided by the weights."""
    total, weights = np.zeros((len(scores[0]), *shape)), np.zeros(shape)
    for window, each in zip(windows, scores, strict=True):
        weight = np.ones(())
        for n in window.size:
            weight = np.multiply.outer(weight, fade(n, blend))
        for at in np.ndindex(*window.size):
            place = tuple(a + b for a, b in zip(at, window.start, strict=True))
            if all(0 <= p < n for p, n in zip(place, shape, strict=True)):
                total[(slice(None), *place)] += weight[at] * each[(slice(None), *at)]
                weights[place] += weight[at]
    return total / weights


@pytest.mark.parametrize("blend", ["gaussian", "constant"])
@pytest.mark.parametrize(
    ("shape", "size", "overlap"),
    [((13,), (5,), 0.5), ((9, 7), (4, 4), 0.5), ((3, 9), (8, 4), 0.2), ((7, 5, 6), (4, 3, 8), 0.5), ((6, 5, 4), (6, 5, 4), 0.5)],
)
def test_rows_are_the_weighted_mean_of_the_windows(shape, size, overlap, blend):
    rng = np.random.default_rng(1)
    windows = cover(shape, size, overlap)
    scores = [rng.random((3, *size)).astype(np.float32) for _ in windows]
    ring, seen, made = Ring(Lattice.of(windows, shape, blend=blend)), 0, np.zeros((3, *shape), np.float32)
    assert list(ring.windows) == windows
    for each in scores:
        ring.add(each)
        made[:, seen : ring.closed] = ring.rows(seen, ring.closed)
        seen = ring.closed
        ring.drop(seen)
    assert seen == shape[0]
    assert np.allclose(made, slow(windows, scores, shape, blend), atol=1e-5)


def test_rows_that_are_open_or_dropped_are_not_given():
    windows = cover((8, 2), (4, 2), 0.5)
    ring = Ring(Lattice.of(windows, (8, 2)))
    ring.add(np.ones((1, 4, 2), np.float32))
    with pytest.raises(ValueError, match="rows 0 to 3"):
        ring.rows(0, 3)
    ring.drop(2)
    with pytest.raises(ValueError, match="rows 1 to 2"):
        ring.rows(1, 2)
    kept = Ring(Lattice.of(windows, (8, 2)))
    kept.add(np.ones((1, 4, 2), np.float32))
    with pytest.raises(ValueError, match="drop closed ones"):
        kept.add(np.ones((1, 4, 2), np.float32))


def test_windows_that_make_no_lattice_or_leave_a_sample_out_are_told():
    assert Lattice.of([Window((0, 0), (4, 4)), Window((2, 2), (4, 4))], (6, 6)) is None
    assert Lattice.of([Window((0,), (2,)), Window((4,), (2,))], (6,)) is None
    assert Lattice.of(cover((6, 6), (4, 4), 0.5)[::-1], (6, 6)) is None
    assert Lattice.of([Window((), ())], ()) is None


def test_only_open_rows_are_kept():
    shape, size = (256, 64, 64), (32, 32, 32)
    windows, scores = cover(shape, size, 0.5), np.ones((4, *size), np.float32)
    ring = Ring(Lattice.of(windows, shape))
    tracemalloc.start()
    for _ in windows:
        ring.add(scores)
        ring.drop(ring.closed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * 4 * 4 * 32 * 64 * 64


@pytest.mark.parametrize("classes", [1, 2, 4, 300])
def test_the_highest_class_is_that_of_argmax(classes):
    scores = np.random.default_rng(2).integers(0, 3, (classes, 9, 11, 13)).astype(np.float32)
    for given in (scores, scores[:, 2:7], scores[:, :, ::2], np.moveaxis(scores, 3, 1), scores.astype(np.float64)):
        assert np.array_equal(highest(given), given.argmax(axis=0))
    assert highest(scores).dtype == (np.uint8 if classes <= 256 else np.int16)
