"""What enters the network: how fine a picture is read for it, and in one pass."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sagittal import io
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.data.ready import Ready
from sagittal.engine.prepare import Preparation
from sagittal.ops.warp import ReadMap
from sagittal.transforms._compose import Augmentation

GREY = Preparation(axes=2, size=(224, 224), channels="grey", high=(255.0,), mean=(0.4,), std=(0.2,))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """JPEGs of 512 x 496 and 300 x 320, speckled as retina OCT is."""
    folder = tmp_path_factory.mktemp("jpeg")
    for name, shape in (("large", (496, 512)), ("small", (320, 300))):
        rng = np.random.default_rng(1)
        row, column = np.mgrid[: shape[0], : shape[1]] / 496
        layers = sum(np.exp(-(((row - 0.4 - 0.05 * np.sin(4 * column) - d) / 0.02) ** 2)) * b for d, b in ((0.0, 0.5), (0.1, 0.9)))
        speckle = cv2.GaussianBlur(rng.gamma(4.0, 0.25, shape), (0, 0), 0.9)
        values = np.clip(255 * (0.1 + 0.7 * layers) * speckle, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}.jpg"), values, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


@pytest.mark.parametrize(
    ("name", "augment", "reduced"),
    [
        ("large", {}, 2),
        ("large", {"resized_crop": [0.8, 1.0], "rotate": 15, "flip": True}, 2),
        ("large", {"resized_crop": [0.2, 1.0]}, None),
        ("large", {"zoom": [1.0, 2.0]}, None),
        ("small", {}, None),
    ],
)
def test_a_jpeg_is_decoded_at_half_size_where_no_sharpness_is_lost(pictures, name, augment, reduced):
    image = io.read(pictures / f"{name}.jpg")
    source = GREY.source(image, finest=Augmentation.of(augment).finest(2))
    assert source.meta.get("reduced") == reduced


@pytest.mark.parametrize("prefix", ["large", "small"])
def test_scaled_decoding_costs_less_than_two_grey_levels(pictures, prefix):
    image = io.read(pictures / f"{prefix}.jpg")
    grid = GREY.grid(image.geometry)
    seen = GREY.sample(image)
    wanted = Ready(values=image.read(), geometry=image.geometry, grid=grid, scale=GREY.scale).see(grid)
    assert np.abs(seen - wanted).mean() * 255 * 0.2 < 2.0


@pytest.mark.parametrize("channels", ["grey", "rgb"])
def test_one_pass_is_the_three_steps(pictures, channels):
    several = (0.1, 0.2, 0.3) if channels == "rgb" else (0.4,)
    made = Preparation(axes=2, size=(64, 60), channels=channels, low=(10.0,), high=(240.0,), mean=several, std=(0.2,))
    image = io.read(pictures / "small.jpg")
    ready = made.ready(image)
    through = ReadMap(ready.grid.shape, ready.grid.index_map(ready.geometry))
    steps = ready.normalise(ready.unit(ready.grid, through))
    found = ready.see(ready.grid)
    np.testing.assert_allclose(found, steps, atol=1e-5)
    assert found.shape == (made.count, 64, 60)


def test_an_image_measured_by_itself_has_mean_0_and_deviation_1():
    grid = Geometry.picture((64, 60))
    image = Image.of(np.random.default_rng(0).gamma(2.0, 300.0, (2, 64, 60)), grid, channels=("a", "b"))
    seen = Preparation(axes=2, names=("a", "b"), scaling="image").sample(image)
    assert np.abs(seen.mean(axis=(1, 2))).max() < 1e-5
    assert np.abs(seen.std(axis=(1, 2)) - 1).max() < 1e-4


def brain(*, shape=(12, 14, 10), box=((2, 9), (3, 12), (1, 8))) -> Image:
    """A stripped head: 0 outside a box, positive within, on an oblique grid stored upside down."""
    values = np.zeros((1, *shape), np.float32)
    inside = tuple(slice(*b) for b in box)
    values[0][inside] = np.random.default_rng(1).uniform(50, 250, values[0][inside].shape)
    turned = np.array([[-1.0, 0, 0, 5], [0, 0.98, -0.2, 3], [0, 0.2, 0.98, -7], [0, 0, 0, 1]])
    return Image.of(values, Geometry(shape=shape, affine=turned, unit="mm"))


def test_a_volume_is_cut_to_its_content_and_keeps_its_place_in_the_world():
    image = brain()
    ready = Preparation(axes=3, upright=True, names=("value",), scaling="nonzero", crop=True).ready(image)
    assert ready.grid.shape == (7, 9, 7)
    low, high = ready.grid.corners().min(axis=0), ready.grid.corners().max(axis=0)
    there = image.geometry.at(Window((2, 3, 1), (7, 9, 7))).corners()
    np.testing.assert_allclose([low, high], [there.min(axis=0), there.max(axis=0)], atol=1e-6)
    seen = ready.see(ready.grid)
    assert abs(seen.mean()) < 1e-4
    assert abs(seen.std() - 1) < 1e-4


def test_outside_the_head_brats_gives_the_mean_and_nonzero_the_darkest():
    image = brain()
    for rule, outside in (("brats", 0.0), ("nonzero", None)):
        seen = Preparation(axes=3, upright=True, names=("value",), scaling=rule).sample(image)[0]
        corner = float(seen[-1, 0, 0])
        assert corner == pytest.approx(outside, abs=1e-6) if outside is not None else corner < seen[3:-6, 5, 4].min()


def test_surroundings_of_another_number_than_0_are_outside_the_head_as_well():
    image = brain()
    values = image.read()
    normalised = Image.of((values - values.mean()) / values.std(), image.geometry)
    assert normalised.read().min() < -0.5
    made = [Preparation(axes=3, upright=True, names=("value",), scaling="nonzero", crop=True).sample(i) for i in (image, normalised)]
    assert made[0].shape == made[1].shape
    np.testing.assert_allclose(made[1], made[0], atol=1e-3)


def test_ct_is_cut_off_at_both_ends():
    values = np.linspace(-2000, 4000, 4**3, dtype=np.float32).reshape(1, 4, 4, 4)
    image = Image.of(values, Geometry(shape=(4, 4, 4), affine=np.eye(4), unit="mm"))
    seen = Preparation(axes=3, names=("value",), low=(-1000.0,), high=(1000.0,), clip=True).sample(image)
    assert (seen.min(), seen.max()) == (0.0, 1.0)


@pytest.mark.parametrize("order", ["linear", "cubic"])
def test_resampling_keeps_a_ramp_in_its_place(order):
    ramp = np.arange(20, dtype=np.float32).reshape(1, 20, 1, 1) * np.ones((1, 1, 6, 6), np.float32)
    image = Image.of(ramp, Geometry(shape=(20, 6, 6), affine=np.diag([2.0, 1, 1, 1]), unit="mm"))
    made = Preparation(axes=3, names=("value",), spacing=(1.0, 1.0, 1.0), order=order)
    ready = made.ready(image)
    at = ready.grid.points()[4:-4, 3, 3, 0]
    np.testing.assert_allclose(ready.see(ready.grid)[0, 4:-4, 3, 3], at / 2, atol=0.02)
