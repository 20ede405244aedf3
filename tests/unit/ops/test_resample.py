from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.ops.resample import on_grid


def test_the_own_grid_gives_the_own_values():
    values = np.random.default_rng(0).integers(0, 255, (3, 9, 7), dtype=np.uint8)
    image = Image.of(values, Geometry.picture((9, 7)))
    assert (on_grid(image, image.geometry) == values).all()


@pytest.mark.parametrize("start", [(0, 0), (3, 2), (-2, 5), (30, 40)])
def test_a_crop_keeps_its_place_in_the_world(start):
    values = np.random.default_rng(0).normal(size=(1, 40, 50)).astype(np.float32)
    image = Image.of(values, Geometry.picture((40, 50)))
    window = Window(start, (6, 7))
    near = on_grid(image, image.geometry.at(window))
    padded = np.pad(values, ((0, 0), (50, 50), (50, 50)), mode="edge")
    assert (near == padded[:, 50 + start[0] : 56 + start[0], 50 + start[1] : 57 + start[1]]).all()


def test_values_follow_the_world_not_the_index():
    ramp = np.indices((20, 30), dtype=np.float32)
    image = Image.of(ramp, Geometry.picture((20, 30)))
    geometry = image.geometry.resized((10, 10))
    wanted = np.moveaxis(image.geometry.to_index(geometry.points()), -1, 0)
    assert np.allclose(on_grid(image, geometry)[:, 1:-1, 1:-1], wanted[:, 1:-1, 1:-1], atol=1e-4)


def test_a_reduced_picture_lies_in_the_same_place():
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (1, 10, 12)).astype(np.float32)
    full = Geometry.picture((80, 96))
    values = on_grid(Image.of(small, full.resized((10, 12))), full)
    asked = []

    def reduce(factor):
        asked.append(factor)
        return Image.of(values.reshape(1, 40, 2, 48, 2).mean(axis=(2, 4)), full.resized((40, 48)))

    image = Image.of(values, full)
    grid = full.resized((36, 36))
    there = on_grid(replace(image, reduce=reduce), grid)
    assert 2 < asked[0] < 3
    assert np.abs(there - on_grid(image, grid)).mean() < 1.0


def test_only_a_window_is_read_from_a_large_image():
    seen = []
    values = np.zeros((1, 100, 100, 100), np.int16)

    def load(window):
        seen.append(window)
        return values[(slice(None), *window.slices)]

    image = Image(geometry=Geometry(shape=(100, 100, 100), affine=np.eye(4), unit="mm"), channels=("value",), load=load)
    on_grid(image, image.geometry.at(Window((50, 50, 50), (8, 8, 8))))
    assert max(seen[0].size) < 24
