"""Every part on the shelf of transforms keeps the contract of its kind."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.ops.randomness import generator
from sagittal.ops.warp import ReadMap
from sagittal.shelf import Shelf
from sagittal.transforms._kinds import Geometric, Intensity, Mixing

SHELF = Shelf("sagittal.transforms", kind="transform")
GRIDS = [
    Geometry.picture((17, 23)),
    Geometry.picture((1, 5)),
    Geometry(shape=(9, 11, 4), affine=np.diag([1.0, 1.0, 3.0, 1.0]), unit="mm"),
]


def check_transform(name: str) -> None:
    """Made with its defaults, of one kind, picklable, a function of the generator, right for its axes."""
    part = SHELF.make(name)
    kinds = [kind for kind in (Geometric, Intensity, Mixing) if isinstance(part, kind)]
    assert len(kinds) == 1, f"{name} is of one kind"
    assert isinstance(part.tables, bool)
    assert SHELF.summary(name).endswith(".")
    assert all(option.kind is option.KEYWORD_ONLY for option in SHELF.options(name).values())
    same = pickle.loads(pickle.dumps(part))
    for seed in range(8):
        {Geometric: check_geometric, Intensity: check_intensity, Mixing: check_mixing}[kinds[0]](part, same, seed)


def check_geometric(part: Geometric, same: Geometric, seed: int) -> None:
    for grid in GRIDS:
        rng, again = generator(seed), generator(seed)
        affine, field = part.affine(grid, rng), part.field(grid, rng)
        there, bent = same.affine(grid, again), same.field(grid, again)
        assert (affine is None) == (there is None)
        assert (field is None) == (bent is None)
        ReadMap(grid.shape, np.eye(grid.axes + 1) if affine is None else affine, field)  # checks the shapes
        if affine is not None:
            assert np.array_equal(affine, there)
            assert abs(np.linalg.det(affine)) > 1e-6
        if field is not None:
            assert np.array_equal(field, bent)


def check_intensity(part: Intensity, same: Intensity, seed: int) -> None:
    pictures = [(1, 17, 23), (3, 17, 23), (4, 6, 6), (2, 5, 6, 7)]
    shapes = [*(pictures if part.pictures else []), *([(12,)] if part.tables else [])]
    assert shapes, "it is for something"
    for shape in shapes:
        values = generator(seed, 1).uniform(0, 1, shape).astype(np.float32)
        found = part.apply(values.copy(), generator(seed))
        assert found.shape == shape
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.array_equal(found, same.apply(values.copy(), generator(seed)))


def check_mixing(part: Mixing, same: Mixing, seed: int) -> None:
    for shape in [(5, 1, 6, 7), (4, 2, 3, 4, 5), (6, 9), (1, 3, 4, 4)]:
        images = generator(seed, 1).uniform(0, 1, shape).astype(np.float32)
        targets = np.eye(3, dtype=np.float32)[np.arange(shape[0]) % 3]
        before = images.copy(), targets.copy()
        mixed, soft = part.mix(images, targets, generator(seed))
        assert np.array_equal(images, before[0])
        assert np.array_equal(targets, before[1])
        assert mixed.shape == shape
        assert mixed.dtype == soft.dtype == np.float32
        np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)
        again = same.mix(images, targets, generator(seed))
        assert np.array_equal(mixed, again[0])


@pytest.mark.parametrize("name", SHELF.names())
def test_transform(name):
    check_transform(name)


def test_the_shelf_holds_what_the_recipes_need():
    wanted = ["resized_crop", "rotate", "affine", "flip", "elastic", "zoom", "shift", "jitter", "gamma", "noise", "blur", "cutout", "mixup"]
    assert set(wanted) <= set(SHELF.names())
