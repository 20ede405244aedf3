"""Recipes of augmentation: what is understood, what is refused, and that everything moves together."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import UsageError
from sagittal.ops.randomness import generator
from sagittal.ops.warp import gather, gather_labels
from sagittal.transforms._compose import Augmentation

EVERYTHING = {
    "resized_crop": [0.6, 1.0],
    "rotate": 20,
    "flip": "any",
    "elastic": 0.02,
    "zoom": 0.2,
    "shift": 0.1,
    "affine": {"shear": 5},
    "jitter": {"hue": 0.05, "saturation": 0.2},
    "gamma": 0.3,
    "noise": 0.05,
    "blur": {"sigma": [0.1, 1.0], "p": 0.5},
    "cutout": True,
    "mixup": 0.2,
}
GRIDS = {
    2: Geometry.picture((40, 36)),
    3: Geometry(shape=(20, 24, 12), affine=np.diag([1.0, 1.0, 3.0, 1.0]), unit="mm"),
}


def blob(geometry: Geometry) -> np.ndarray:
    """A smooth lump off the centre, 0 to 255."""
    place = np.array(geometry.shape) * 0.4
    at = np.moveaxis(np.indices(geometry.shape, dtype=float), 0, -1)
    return 255 * np.exp(-(((at - place) / (np.array(geometry.shape) / 4)) ** 2).sum(axis=-1))


@pytest.mark.parametrize("axes", [2, 3])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_image_mask_and_points_stay_together(axes, seed):
    grid = GRIDS[axes]
    image = blob(grid).astype(np.float32)
    mask = (image > 100).astype(np.uint8)
    through = Augmentation.of(EVERYTHING).read_map(grid, grid, generator(seed))
    seen, drawn = gather(image[None], through, outside=0.0, antialias=False)[0], gather_labels(mask, through, outside=0)
    sure = np.abs(seen - 100) > 40  # the rim lies between samples
    assert (drawn[sure] == (seen > 100)[sure]).all()
    at = np.stack([generator(seed, 1).uniform(0, s - 1, 20) for s in grid.shape], axis=-1)
    np.testing.assert_allclose(through.target_of(through.source_of(at)), at, atol=1e-3)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_mask_on_its_own_grid_stays_with_its_image(axes):
    """Mask and image need not be sampled alike: the world holds them together."""
    grid = GRIDS[axes]
    fine = grid.resized([2 * s for s in grid.shape])
    image, mask = blob(grid).astype(np.float32), (blob(fine) > 100).astype(np.uint8)
    augment = Augmentation.of({"rotate": 20, "elastic": 0.02, "flip": "any", "zoom": 0.2})
    seen = gather(image[None], augment.read_map(grid, grid, generator(5)), outside=0.0, antialias=False)[0]
    drawn = gather_labels(mask, augment.read_map(fine, grid, generator(5)), outside=0)
    sure = np.abs(seen - 100) > 50
    assert (drawn[sure] == (seen > 100)[sure]).mean() > 0.999


def test_a_crop_keeps_its_place_in_the_world():
    source = Geometry.picture((100, 120))
    grid = source.at(Window((10, 20), (50, 60))).resized((25, 30))
    through = Augmentation.of({"resized_crop": [0.3, 0.5]}).read_map(source, grid, generator(1))
    world = through.geometry(source)
    corners, outer = world.corners(), grid.corners()
    assert (corners >= outer.min(axis=0) - 1e-6).all()
    assert (corners <= outer.max(axis=0) + 1e-6).all()
    ramp = np.moveaxis(source.points(), -1, 0).astype(np.float32)  # every sample says where it is
    seen = gather(ramp, through)
    np.testing.assert_allclose(np.moveaxis(seen, 0, -1), world.points(), atol=1e-3)


def test_no_augmentation_is_the_identity():
    grid = GRIDS[2]
    values = generator(0).normal(size=(1, *grid.shape)).astype(np.float32)
    augment = Augmentation.of({"rotate": False, "flip": None})
    assert (gather(values, augment.read_map(grid, grid, generator(0))) == values).all()
    assert augment.intensities(values, generator(0)) is values
    assert Augmentation.of(None).parts == ()


def test_parts_act_in_the_order_of_the_recipe():
    grid = Geometry.picture((20, 20))
    values = generator(0).normal(size=(1, 20, 20)).astype(np.float32)
    turn, flip = {"rotate": {"degrees": [90, 90]}}, {"flip": {"axes": "horizontal", "p": 1}}
    first = gather(values, Augmentation.of({**turn, **flip}).read_map(grid, grid, generator(0)))
    second = gather(values, Augmentation.of({**flip, **turn}).read_map(grid, grid, generator(0)))
    assert (first == np.rot90(values, axes=(1, 2))[..., ::-1]).all()
    assert (second == np.rot90(values[..., ::-1], axes=(1, 2))).all()


@pytest.mark.parametrize("axes", [2, 3])
def test_the_same_keys_give_the_same_sample_and_survive_the_trip_to_a_worker(axes):
    grid = GRIDS[axes]
    augment = Augmentation.of(EVERYTHING)
    there = pickle.loads(pickle.dumps(augment))
    results = []
    for one in (augment, there, augment):
        rng = generator(1, 2, 3)
        values = gather(blob(grid)[None], one.read_map(grid, grid, rng)) / 255
        results.append(one.intensities(values, rng))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    assert np.isfinite(results[0]).all()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"rotat": 15}, "rotate"),
        ({"rotate": {"degree": 15}}, "degrees"),
        ({"rotate": "much"}, "neither a number"),
        ({"rotate": [1, 2, 3]}, "neither a number"),
        ({"rotate": [15, -15]}, "[-15, 15]"),
        ({"rotate": {"p": 2}}, "probability"),
        ({"flip": "horizontl"}, "horizontal"),
        ({"zoom": [0, 1]}, "above 0"),
        ({"resized_crop": 1.5}, "above 1"),
        ({"noise": -1}, "below 0"),
        ({"mixup": 0}, "above 0"),
        ({"elastic": {"cells": 0}}, "whole number"),
        ({"cutout": {"count": 1.5}}, "whole number"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_remedy(config, says):
    with pytest.raises(UsageError) as told:
        Augmentation.of(config)
    assert says in str(told.value)


def test_a_table_takes_noise_and_mixup_and_refuses_the_rest():
    row = Geometry.none()
    values = np.arange(5, dtype=np.float32)
    fit = Augmentation.of({"noise": [0.3, 0.3], "mixup": True})
    through = fit.read_map(row, row, generator(0))
    assert (gather(values, through) == values).all()
    assert not (fit.intensities(values.copy(), generator(0)) == values).all()
    with pytest.raises(UsageError, match="row of a table"):
        Augmentation.of({"rotate": 15, "noise": 0.1}).read_map(row, row, generator(0))
    with pytest.raises(UsageError, match="use only mixup and noise"):
        Augmentation.of({"blur": 1.0}).intensities(values, generator(0))


def test_horizontal_is_left_and_right_in_the_world_however_a_volume_lies_in_its_file():
    turned = Geometry(shape=(4, 5, 6), affine=np.array([[0, 0, 1.0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]), unit="mm")
    values = generator(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    augment = Augmentation.of({"flip": {"axes": "horizontal", "p": 1}})
    assert (gather(values, augment.read_map(turned, turned, generator(0))) == values[..., ::-1]).all()


def test_depth_is_refused_for_a_picture():
    grid = GRIDS[2]
    with pytest.raises(UsageError, match="no depth"):
        Augmentation.of({"flip": "depth"}).read_map(grid, grid, generator(0))


@pytest.mark.parametrize("section", [{"flp:1": None}, {"flp": False}, {"flp": None}])
def test_what_is_left_out_has_to_exist(section):
    with pytest.raises(UsageError, match="did you mean flip"):
        Augmentation.of(section)
    assert Augmentation.of({"flip": None, "rotate": False}).parts == ()
