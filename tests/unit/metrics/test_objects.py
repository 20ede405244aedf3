"""Scores of single objects, as the GlaS challenge defines them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from sagittal.core import Geometry, Labels
from sagittal.core.annotation import IGNORE
from sagittal.errors import UsageError
from sagittal.metrics._case import ADDED, MISSED
from sagittal.metrics._masks import Masks
from sagittal.metrics.object_dice import object_dice
from sagittal.metrics.object_f1 import object_f1
from sagittal.metrics.object_hausdorff import object_hausdorff

LABELS = Labels(classes=("tissue", "gland"), background="tissue")
ALL = (object_f1(), object_dice(), object_hausdorff())


def numbered(truth, answer, grid=None, labels=LABELS):
    truth, answer = np.atleast_2d(truth), np.atleast_2d(answer)
    known = np.where(truth < 0, IGNORE, (truth > 0).astype(int))
    grid = grid or Geometry.picture(truth.shape)
    return Masks(truth=known, answer=(answer > 0).astype(int), grid=grid, labels=labels, objects=(truth.clip(0), answer))


def scores(truth, answer, grid=None):
    return tuple(m.of(numbered(truth, answer, grid))["gland"] for m in ALL)


def test_an_example_by_hand():
    truth = [[1, 1, 1, 1, 2, 2, 0, 0, 3, 3]]
    answer = [[5, 5, 5, 0, 0, 7, 7, 0, 0, 0]]
    f1, dice, far = scores(truth, answer)
    # 5 covers 3 of 4 of the first, 7 covers 1 of 2 of the second: both found; the third is missed.
    assert f1 == 2 * 2 / (3 + 2)
    one, two = 2 * 3 / 7, 2 * 1 / 4
    assert dice == pytest.approx(((4 * one + 2 * two) / 8 + (3 * one + 2 * two) / 5) / 2)
    # the third shares nothing: the nearer of the two, whose farthest ends are 9 - 6 and 8 - 5 columns away
    assert far == pytest.approx(((4 * 1 + 2 * 1 + 2 * 3) / 8 + (3 * 1 + 2 * 1) / 5) / 2)


def test_touching_objects_answered_as_one_cost_both():
    truth, merged = [[1, 1, 1, 2, 2, 2]], [[4, 4, 4, 4, 4, 4]]
    assert scores(truth, truth) == (1.0, 1.0, 0.0)
    f1, dice, far = scores(truth, merged)
    assert f1 == pytest.approx(2 / 3)
    assert dice == pytest.approx(2 * 3 / 9)
    assert far == 3.0


def test_half_of_an_object_is_enough_and_less_is_not():
    assert scores([[1, 1, 1, 1]], [[1, 1, 0, 0]])[0] == 1.0
    assert scores([[1, 1, 1, 1, 1]], [[1, 1, 0, 0, 0]])[0] == 0.0


def test_a_true_object_counts_once_however_many_cover_half_of_it():
    assert scores([[1, 1]], [[1, 2]])[0] == pytest.approx(2 * 1 / 3)


def test_nothing_found_and_nothing_there():
    assert scores([[1, 1, 0]], [[0, 0, 0]]) == (0.0, 0.0, MISSED)
    assert scores([[0, 0, 0]], [[0, 2, 2]]) == (ADDED, ADDED, ADDED)


def test_what_is_not_known_belongs_to_no_object():
    f1, dice, far = scores([[1, 1, -1, -1]], [[3, 3, 3, 9]])
    assert (f1, dice, far) == (1.0, 1.0, 0.0)


def test_without_numbers_the_pieces_are_the_objects():
    truth, answer = np.array([[1, 1, 0, 1, 1]]), np.array([[1, 1, 0, 0, 0]])
    found = [m.measure(truth, answer, Geometry.picture(truth.shape), LABELS)["gland"] for m in ALL]
    assert found[0] == pytest.approx(2 / 3)
    assert found[1] == pytest.approx(0.75)
    assert found[2] == pytest.approx((0 + 3 / 2 + 0) / 2)


def test_each_class_has_its_own_objects():
    labels = Labels(classes=("ground", "a", "b"), background="ground")
    truth, answer = np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]])
    row = object_f1().of(Masks(truth=truth, answer=answer, grid=Geometry.picture((1, 4)), labels=labels, objects=(truth, truth)))
    assert row == {"a": 2 / 3, "b": 0.0}


def slow_hausdorff(one, other):
    """Distances of filled sets, as the published evaluation code has them."""
    return max(float(distance_transform_edt(~b)[a].max()) for a, b in ((one, other), (other, one)))


def test_the_hausdorff_distance_is_that_of_the_filled_sets_and_the_nearest_object_is_found():
    rng = np.random.default_rng(0)
    for _ in range(12):
        truth, answer = np.zeros((40, 44), int), np.zeros((40, 44), int)
        for drawn in (truth, answer):
            for n in range(1, 7):
                y, x, h, w = *rng.integers(0, 30, 2), *rng.integers(2, 9, 2)
                drawn[y : y + h, x : x + w] = n
        ids = [[n for n in range(1, 7) if (m == n).any()] for m in (truth, answer)]
        total = 0.0
        for one, other, mine, theirs in ((truth, answer, *ids), (answer, truth, *ids[::-1])):
            for n in mine:
                shared = [(np.sum((one == n) & (other == m)), -m) for m in theirs]
                most, best = max(shared)
                chosen = [-best] if most else theirs
                least = min(slow_hausdorff(one == n, other == m) for m in chosen)
                total += least * (one == n).sum() / (one > 0).sum() / 2
        assert scores(truth, answer)[2] == pytest.approx(total)


def test_distances_are_in_the_unit_of_the_grid():
    grid = Geometry(shape=(1, 4), affine=np.diag([2.0, 0.25, 1]), unit="um")
    assert scores([[1, 0, 0, 0]], [[1, 1, 1, 0]], grid)[2] == 0.5


@pytest.mark.parametrize("share", [0, 1.5, -1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match="share of an object"):
        object_f1(overlap=share)
