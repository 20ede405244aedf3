from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core.geometry import Geometry
from sagittal.ops.randomness import generator
from sagittal.ops.warp import ReadMap, gather
from sagittal.transforms.elastic import elastic
from sagittal.transforms.flip import flip
from sagittal.transforms.resized_crop import resized_crop
from sagittal.transforms.rotate import rotate
from sagittal.transforms.shift import shift
from sagittal.transforms.zoom import zoom


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_flips_are_involutions(rows, columns, seed):
    grid = Geometry.picture((rows, columns))
    moved = flip(axes="any", p=1.0).affine(grid, generator(seed))
    assert np.array_equal(moved @ moved, np.eye(3))
    assert flip(axes="any", p=0.0).affine(grid, generator(seed)) is None


def test_a_flip_comes_every_other_time():
    grid = Geometry.picture((4, 4))
    flipped = [flip(axes="vertical").affine(grid, generator(0, i)) is not None for i in range(400)]
    assert 150 < sum(flipped) < 250


def test_a_turn_keeps_angles_where_samples_are_not_square():
    """A square in mm is still a square in mm."""
    grid = Geometry(shape=(10, 40), affine=np.array([[0, 0.5, 0], [2.0, 0, 0], [0, 0, 1]]), unit="mm")
    moved = rotate(degrees=[30, 30]).affine(grid, generator(0))
    world = grid.to_world((np.array([[4.0, 10, 1], [5, 10, 1], [4, 14, 1]]) @ moved.T)[:, :2])
    one, other = world[1] - world[0], world[2] - world[0]
    assert np.isclose(one @ other, 0)
    assert np.isclose(np.linalg.norm(one), 2)
    assert np.isclose(np.linalg.norm(other), 2)


def test_zoom_makes_things_larger_and_shift_moves_them_on():
    grid = Geometry.picture((40, 40))
    values = np.zeros((1, 40, 40), np.float32)
    values[:, 15:25, 15:25] = 1
    larger = gather(values, ReadMap(grid.shape, zoom(factor=[2, 2]).affine(grid, generator(0))))
    assert np.isclose(larger.sum(), 400, rtol=0.1)
    on = gather(values, ReadMap(grid.shape, shift(share=[0.25, 0.25]).affine(grid, generator(0))))
    assert (on[:, 25:35, 25:35] == 1).all()


@given(st.integers(0, 10**5), st.floats(0.1, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_resized_crop_has_the_share_asked_for_and_lies_inside(seed, part):
    grid = Geometry.picture((30, 50))
    moved = resized_crop(scale=part, ratio=[0.75, 1.33]).affine(grid, generator(seed))
    assert np.isclose(moved[0, 0] * moved[1, 1], part)
    assert 0.74 < moved[1, 1] / moved[0, 0] < 1.34
    edges = moved @ np.array([[-0.5, -0.5, 1], [29.5, 49.5, 1]]).T
    assert (edges[:2] >= -0.5 - 1e-9).all()
    assert (edges[0] <= 29.5 + 1e-9).all()
    assert (edges[1] <= 49.5 + 1e-9).all()


@given(st.integers(0, 10**5), st.sampled_from([(33, 41), (16, 20, 12)]))
@settings(max_examples=30, deadline=None)
def test_the_strongest_bend_does_not_fold(seed, shape):
    grid = Geometry(shape=shape, affine=np.eye(len(shape) + 1), unit="mm")
    field = elastic(strength=[1.0, 1.0], cells=3).field(grid, generator(seed))
    at = ReadMap(shape, np.eye(len(shape) + 1), field).source_of(np.moveaxis(np.indices(shape, dtype=float), 0, -1))
    slopes = np.stack([np.diff(at, axis=a)[tuple(slice(s - 1) for s in shape)] for a in range(len(shape))], axis=-1)
    assert np.linalg.det(slopes).min() > 0


@pytest.mark.parametrize("part", [rotate(p=0.0), zoom(p=0.0), shift(p=0.0), resized_crop(p=0.0)])
def test_what_never_happens_does_not_move(part):
    assert part.affine(Geometry.picture((5, 5)), generator(0)) is None
