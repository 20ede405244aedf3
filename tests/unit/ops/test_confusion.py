"""Counting label maps: against numpy, for every kind of map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sagittal.ops.confusion import boxes, confusion, narrow

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=13)
DTYPES = ("uint8", "int16", "int64", "int32")


def runs(rng, shape, classes):
    """A label map of long runs, as real ones are."""
    flat = np.repeat(rng.integers(0, classes, 1 + np.prod(shape) // 5), rng.integers(1, 40, 1 + np.prod(shape) // 5))
    return np.resize(flat, shape)


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1), dtypes=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)))
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_numpy(shape, seed, dtypes):
    rng = np.random.default_rng(seed)
    truth, answer = runs(rng, shape, 4).astype(dtypes[0]), runs(rng, shape, 4).astype(dtypes[1])
    if dtypes[0] != "uint8":
        truth[rng.random(shape) < 0.1] = -1
    wanted = np.zeros((5, 4), dtype=int)
    np.add.at(wanted, (truth.astype(int), answer), 1)
    np.testing.assert_array_equal(confusion(truth, answer, 4), wanted)
    np.testing.assert_array_equal(confusion(np.asfortranarray(truth), answer[::1], 4), wanted)


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_boxes_hold_a_class_and_nothing_more(shape, seed):
    labels = np.random.default_rng(seed).integers(-1, 30, shape)
    for k, box in enumerate(boxes(labels, 12)):
        places = np.argwhere(labels == k)
        if not len(places):
            assert box is None
            continue
        assert [(s.start, s.stop) for s in box] == [(a, b + 1) for a, b in zip(places.min(0), places.max(0), strict=True)]


@pytest.mark.parametrize(
    ("truth", "answer"), [([0, 4], [0, 0]), ([0, 0], [4, 0]), ([-2, 0], [0, 0]), ([0, 0], [-1, 0]), ([70_000, 0], [0, 0])]
)
@pytest.mark.parametrize("times", [1, 50])
def test_a_number_that_is_no_class_is_refused(truth, answer, times):
    with pytest.raises(ValueError, match="class index"):
        confusion(np.tile(truth, times), np.tile(answer, times), 4)


def test_maps_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="one grid"):
        confusion(np.zeros(3, int), np.zeros(4, int), 1)


def test_maps_become_one_of_two_kinds_without_changing_a_number():
    for dtype in (np.bool_, np.uint8, np.int16, np.uint16, np.int64):
        given = np.arange(6).reshape(2, 3).T.astype(dtype)
        found = narrow(given)
        assert found.dtype in (np.uint8, np.int16) and found.flags.c_contiguous and (found == given).all()
