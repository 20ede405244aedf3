"""Objects that touch are told apart, the same ones however many rows come at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from sagittal.ops import growing
from sagittal.ops.components import components
from sagittal.ops.growing import Growing, spread


def told_apart(marks, bands, classes=2):
    """Numbers on the whole map, and the objects."""
    found, made, row = Growing(marks.shape[1:], classes=classes), [], 0
    for n in [*bands, len(marks)]:
        made += found.add(marks[row : row + n])
        row += n
    made += found.close()
    objects = found.objects()
    return objects.root[np.concatenate(made)], objects


def some_marks(seed, shape=(70, 40)):
    rng = np.random.default_rng(seed)
    height = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0.6, 2))
    height /= height.std()
    return np.where(height > 0, 1 + 2 * rng.integers(0, 2, shape) + (height > rng.uniform(0.2, 1.4)), 0).astype(np.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_objects_across_bands_are_those_of_the_whole(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(growing, "REACH", int(rng.integers(1, 6)))
    marks = some_marks(seed)
    whole, objects = told_apart(marks, [])
    monkeypatch.setattr(growing, "BLOCK", int(rng.integers(1, 5)))
    numbers, again = told_apart(marks, rng.integers(1, 6, 30).tolist())
    np.testing.assert_array_equal(numbers, whole)
    for name in ("samples", "votes", "centre"):
        np.testing.assert_array_equal(getattr(again, name), getattr(objects, name))
    assert len(objects.samples) == whole.max() > 3


def test_what_is_known_of_objects_is_counted_on_the_map():
    marks = some_marks(1)
    numbers, objects = told_apart(marks, [])
    np.testing.assert_array_equal(numbers > 0, marks > 0)
    np.testing.assert_array_equal(np.bincount(numbers.ravel())[1:], objects.samples)
    for n in range(1, numbers.max() + 1):
        mine = numbers == n
        assert np.bincount((marks[mine] - 1) // 2, minlength=2).tolist() == objects.votes[n - 1].tolist()
        assert np.argwhere(mine).mean(axis=0) == pytest.approx(objects.centre[n - 1])
    first = [int(np.flatnonzero(numbers == n)[0]) for n in range(1, numbers.max() + 1)]
    assert first == sorted(first), "in reading order"


def test_an_object_in_two_arms_is_one_when_they_meet_below():
    marks = np.zeros((600, 9), np.uint8)
    marks[:, 1], marks[:, 7], marks[-1, 1:8] = 2, 2, 2
    numbers, objects = told_apart(marks, [50] * 12, classes=1)
    assert numbers.max() == 1 and objects.samples.tolist() == [1205]


def test_covered_samples_too_far_from_an_inside_are_an_object_of_their_own():
    marks = np.ones((1, 3 * growing.REACH), np.uint8)
    marks[0, 0] = 2
    numbers, _ = told_apart(marks, [], classes=1)
    assert numbers[0, : growing.REACH + 1].tolist() == [1] * (growing.REACH + 1) and (numbers[0, growing.REACH + 1 :] == 2).all()


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 5)), elements=st.integers(0, 2)))
def test_nearest_is_along_covered_samples_in_any_number_of_axes(marks):
    covered = marks > 0
    numbers, _ = components(covered & (marks % 2 == 0), connectivity="faces")
    begun = numbers > 0
    spread(numbers, covered, reach=100)
    pieces, _ = components(covered)
    assert not numbers[~covered].any()
    for piece in range(1, pieces.max() + 1):
        mine = pieces == piece
        assert (numbers[mine] > 0).all() or not begun[mine].any(), "all of a piece with an inside is reached, nothing of others"
        assert set(numbers[mine]) <= {0, *numbers[mine & begun]}


def test_two_insides_share_what_lies_between_them():
    marks = np.array([[2, 1, 1, 1, 1, 2]], np.uint8)
    assert told_apart(marks, [], classes=1)[0].tolist() == [[1, 1, 1, 2, 2, 2]]
