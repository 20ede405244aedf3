"""Closed forms against numpy."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sagittal.core._affine import determinant, inverse, lengths
from sagittal.core.geometry import Geometry


@pytest.mark.parametrize("axes", [0, 1, 2, 3, 4])
def test_small_affines_are_as_numpy_has_them(axes):
    rng = np.random.default_rng(axes)
    for _ in range(20):
        affine = np.eye(axes + 1)
        affine[:axes] = rng.normal(size=(axes, axes + 1)) * 3
        linear = affine[:axes, :axes]
        assert determinant(linear.tolist()) == pytest.approx(np.linalg.det(linear))
        np.testing.assert_allclose(inverse(affine), np.linalg.inv(affine), rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(lengths(affine), np.linalg.norm(linear, axis=0))


def test_a_grid_keeps_its_inverse_through_a_pickle():
    grid = Geometry.picture((5, 7)).resized((3, 4))
    assert (grid.inverse == grid.inverse).all()
    assert grid.inverse is grid.inverse
    again = pickle.loads(pickle.dumps(grid))
    assert (again.inverse @ again.affine == grid.inverse @ grid.affine).all()


@pytest.mark.parametrize(
    "affine", [np.diag([1.0, 0, 1]), np.diag([1.0, np.inf, 1]), np.diag([np.nan, 1, 1]), np.diag([np.inf, -np.inf, 1])]
)
def test_a_grid_without_an_inverse_is_refused(affine):
    with pytest.raises(ValueError, match="singular or not finite"):
        Geometry(shape=(2, 2), affine=affine)
