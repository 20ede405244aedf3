"""Amounts of stain follow the law of Beer and Lambert."""

from __future__ import annotations

import numpy as np

from sagittal.transforms.stain import stain


def test_twice_the_dye_squares_the_light_and_white_stays_white():
    values = np.array([1.0, 0.5, 0.1], np.float32).reshape(1, 1, 3)
    found = stain(amount=[2, 2], shift=0).apply(values.repeat(3, axis=0), np.random.default_rng(0))
    np.testing.assert_allclose(found[:, 0], [[1.0, 0.25, 0.01]] * 3, rtol=1e-5)


def test_a_shift_of_the_density_dims_all_the_same():
    found = stain(amount=[1, 1], shift=[0.3, 0.3]).apply(np.full((3, 2, 2), 0.5, np.float32), np.random.default_rng(0))
    np.testing.assert_allclose(found, 0.5 * 10**-0.3, rtol=1e-5)


def test_colours_are_drawn_apart_black_is_finite_and_alpha_is_left_alone():
    values = np.full((4, 2, 2), 0.5, np.float32)
    values[0, 0, 0] = 0.0
    found = stain(amount=0.5).apply(values, np.random.default_rng(1))
    assert np.isfinite(found).all() and (found[3] == 0.5).all()
    assert len({float(found[c, 1, 1]) for c in range(3)}) == 3


def test_not_this_time():
    values = np.full((3, 2, 2), 0.5, np.float32)
    assert (stain(p=0).apply(values, np.random.default_rng(0)) == 0.5).all()
