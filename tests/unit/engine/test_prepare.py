"""What enters the network: how fine a picture is read for it, and in one pass."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sagittal import io
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
    wanted = GREY.enter(image.read(), image.geometry, grid)
    assert np.abs(seen - wanted).mean() * 255 * 0.2 < 2.0


@pytest.mark.parametrize("channels", ["grey", "rgb"])
def test_one_pass_is_the_three_steps(pictures, channels):
    several = (0.1, 0.2, 0.3) if channels == "rgb" else (0.4,)
    made = Preparation(axes=2, size=(64, 60), channels=channels, low=(10.0,), high=(240.0,), mean=several, std=(0.2,))
    image = io.read(pictures / "small.jpg")
    values, grid = made.values(image), made.grid(image.geometry)
    through = ReadMap(grid.shape, grid.index_map(image.geometry))
    steps = made.normalise(made.unit(made.read(values, image.geometry, grid, through)))
    found = made.enter(values, image.geometry, grid)
    np.testing.assert_allclose(found, steps, atol=1e-5)
    assert found.shape == (made.count, 64, 60)
    own = Preparation(axes=2, size=(64, 60), channels=channels, mean=None, std=None)
    assert abs(own.enter(values, image.geometry, grid).mean()) < 1e-5
