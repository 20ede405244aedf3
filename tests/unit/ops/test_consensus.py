"""Several people's label maps as one."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core.annotation import IGNORE
from sagittal.ops.consensus import majority, most_likely, staple


def people(seed: int, n: int = 5, shape: tuple[int, ...] = (18, 20)) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, bool)
    truth[tuple(slice(4, 12) for _ in shape)] = True
    return [truth ^ (rng.random(shape) < rate) for rate in np.linspace(0.03, 0.25, n)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [3, 4, 6])
def test_staple_is_that_of_itk(seed, n):
    import SimpleITK

    masks = people(seed, n)
    reference = SimpleITK.GetArrayFromImage(SimpleITK.STAPLE([SimpleITK.GetImageFromArray(m.astype(np.uint8)) for m in masks], 1.0))
    np.testing.assert_allclose(staple(masks).probability, reference, atol=1e-4)


def test_staple_tells_the_careful_from_the_careless():
    found = staple(people(0))
    assert list(np.argsort(found.sensitivity + found.specificity)) == [4, 3, 2, 1, 0]


def test_what_all_say_is_so():
    one = people(1)[0]
    for each in (one, np.zeros_like(one), np.ones_like(one)):
        assert np.array_equal(staple([each, each]).probability > 0.5, each)
        assert np.array_equal(most_likely([each.astype(int)] * 3), each)
        assert np.array_equal(majority([each.astype(int)] * 2), each)


def test_the_majority_of_classes_the_background_where_opinions_are_equal_and_nothing_where_nobody_knows():
    maps = [np.array([1, 1, 2, -1, -1]), np.array([1, 0, 1, 2, -1]), np.array([2, 0, 0, 2, -1]), np.array([0, 1, 2, 0, -1])]
    assert majority(maps).tolist() == [1, 0, 2, 2, IGNORE]
    assert majority(maps, background=1).tolist() == [1, 1, 2, 2, IGNORE]


def test_classes_are_told_apart_and_unknown_samples_go_by_the_majority():
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], 300)
    maps = [np.where(rng.random(900) < rate, rng.integers(0, 3, 900), truth) for rate in (0.05, 0.1, 0.4, 0.5)]
    maps[0][:5] = IGNORE
    found = most_likely(maps)
    assert (found[5:] == truth[5:]).mean() > max((m[5:] == truth[5:]).mean() for m in maps)
    assert np.array_equal(found[:5], majority(maps)[:5])


def test_maps_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="lie on one grid"):
        majority([np.zeros(3, int), np.zeros(4, int)])
