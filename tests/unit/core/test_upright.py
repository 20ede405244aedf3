"""However a volume is stored, it stands the same way round for the network, and answers go back where they came from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sagittal.core import Geometry, Image
from sagittal.engine.prepare import Preparation
from sagittal.ops.warp import ReadMap, gather

WORLD = Geometry(shape=(7, 9, 5), affine=np.diag([2.0, 2, 6, 1]), unit="mm", frame="patient")
VALUES = np.random.default_rng(0).integers(0, 99, (1, *WORLD.shape)).astype(np.int16)


def stored(order: tuple[int, ...], flips: tuple[bool, ...]) -> Image:
    """The same volume as another scanner would have stored it."""
    step = np.zeros((4, 4))
    step[3, 3] = 1
    shape = [WORLD.shape[a] for a in order]
    values = VALUES.transpose(0, *(a + 1 for a in order))
    for own, (world, turned) in enumerate(zip(order, flips, strict=True)):
        step[world, own] = -1 if turned else 1
        step[world, 3] = shape[own] - 1 if turned else 0
        values = np.flip(values, own + 1) if turned else values
    return Image.of(values, Geometry(shape=tuple(shape), affine=WORLD.affine @ step, unit="mm", frame="patient"))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product([False, True], repeat=3)))
def test_the_network_sees_one_patient_one_way_round(order, flips):
    image = stored(order, flips)
    assert image.geometry.upright().same_grid(WORLD)
    seen = Preparation(axes=3, upright=True, names=("value",))
    np.testing.assert_array_equal(seen.sample(image), seen.sample(Image.of(VALUES, WORLD)))


def test_an_answer_goes_back_to_the_source_s_own_grid():
    image = stored((2, 0, 1), (True, False, True))
    grid = Preparation(axes=3, upright=True, multiple=4).grid(image.geometry)
    there = gather(VALUES, ReadMap(shape=grid.shape, affine=grid.index_map(WORLD)), order="linear")
    back = gather(there, ReadMap(shape=image.geometry.shape, affine=image.geometry.index_map(grid)), order="linear")
    np.testing.assert_allclose(back, image.read(), atol=1e-3)


def test_an_oblique_grid_stays_oblique():
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    oblique = Geometry(shape=(4, 5, 6), affine=turn @ stored((1, 2, 0), (True, True, False)).geometry.affine, unit="mm")
    up = oblique.upright()
    assert sorted(up.shape) == [4, 5, 6]
    assert all(up.affine[i, i] > 0 for i in range(3))
    assert abs(up.affine[0, 1]) > 0.1
