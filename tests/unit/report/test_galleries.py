"""Pictures: what is shown is what is stored, and maps lie where they belong."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sagittal.report import galleries
from sagittal.report._pixels import picture


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_bytes_are_shown_as_they_are(rng):
    grey = rng.integers(0, 256, (1, 20, 30), dtype=np.uint8)
    assert np.array_equal(pixels(galleries.thumbnail(grey)), np.repeat(grey[0][..., None], 3, axis=2))
    colour = rng.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    assert np.array_equal(pixels(galleries.thumbnail(colour)), colour.transpose(1, 2, 0))


def test_where_a_map_is_cold_the_picture_is_untouched(rng):
    values = rng.integers(0, 256, (1, 32, 32), dtype=np.uint8)
    heat = np.zeros((32, 32), np.float32)
    heat[4:8, 20:24] = 1.0
    shown, plain = pixels(galleries.overlay(values, heat)), pixels(galleries.thumbnail(values))
    assert np.array_equal(shown[heat == 0], plain[heat == 0])
    hot = shown[5, 21].astype(int)
    assert hot[0] > hot[2] + 40, "hot is warm: more red than blue"


def test_nan_in_a_map_is_cold():
    values = np.full((1, 8, 8), 100, np.uint8)
    assert np.array_equal(pixels(galleries.overlay(values, np.full((8, 8), np.nan))), pixels(galleries.thumbnail(values)))


def test_a_map_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="one grid"):
        galleries.overlay(np.zeros((1, 8, 8)), np.zeros((8, 9)))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64, np.bool_])
def test_any_type_fills_the_range_of_a_screen(dtype):
    values = np.linspace(0, 1, 400).reshape(1, 20, 20)
    shown = picture((values > 0.5) if dtype == np.bool_ else (values * 1000).astype(dtype))
    assert shown.min() == 0 and shown.max() == 255


@pytest.mark.parametrize("values", [np.full((1, 4, 4), 7.0), np.full((1, 4, 4), np.nan), np.full((1, 4, 4), np.inf)])
def test_a_flat_or_empty_picture_is_still_a_picture(values):
    assert picture(values).shape == (4, 4, 3)


def test_a_transparent_pixel_is_white():
    values = np.zeros((4, 4, 4), np.uint8)
    values[3, 2:] = 255
    shown = picture(values)
    assert (shown[:2] == 255).all() and (shown[2:] == 0).all()


def test_a_large_picture_is_made_smaller_by_area():
    values = np.zeros((1, 1000, 500), np.uint8)
    values[0, ::2] = 255
    shown = picture(values, most_px=100)
    assert shown.shape == (100, 50, 3)
    assert abs(shown.astype(int) - 127).max() <= 2, "stripes become grey, not other stripes"


def test_a_volume_shows_three_planes_to_scale_and_head_up():
    volume = np.zeros((1, 10, 20, 5), np.uint8)
    volume[..., 4] = 255
    shown = picture(volume, spacing=(1.0, 1.0, 4.0))
    assert shown.shape[:2] == (20, 10 + 2 + 10 + 2 + 20), "axial 20 x 10, coronal 20 x 10, sagittal 20 x 20"
    assert shown[1, 12 + 5].mean() > 200 and shown[18, 12 + 5].mean() < 50, "the last slice is on top"


def test_a_volume_is_cut_where_its_map_is_hottest():
    volume = np.zeros((1, 9, 9, 9), np.uint8)
    volume[0, 1] = 255
    heat = np.zeros((9, 9, 9))
    heat[1, 7, 7] = 1
    plain, covered = galleries.explained(volume, heat)
    assert pixels(plain).shape == pixels(covered).shape
    assert (pixels(plain)[:, -9:] == 255).all(), "the sagittal slice goes through index 1"


def test_outlines_are_edges_not_areas():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    shown = pixels(galleries.outlines(np.zeros((1, 40, 40), np.uint8), {"#00ff00": mask}))
    assert (shown[20, 20] == 0).all() and tuple(shown[10, 20]) == (0, 255, 0) and (shown[2, 2] == 0).all()


def test_an_empty_mask_draws_nothing():
    shown = pixels(galleries.outlines(np.full((1, 8, 8), 9, np.uint8), {"#ff0000": np.zeros((8, 8))}))
    assert (shown == 9).all()


def test_boxes_are_frames_clipped_to_the_picture():
    shown = pixels(galleries.boxed(np.zeros((1, 40, 40), np.uint8), {"#ff0000": [[5, 5, 20, 20], [30, 30, 99, 99]]}))
    assert tuple(shown[5, 10]) == (255, 0, 0) and (shown[12, 12] == 0).all() and tuple(shown[39, 35]) == (255, 0, 0)


@pytest.mark.parametrize("colour", ["red", "#fff", "#gggggg"])
def test_a_colour_that_is_none_is_refused(colour):
    with pytest.raises(ValueError):
        galleries.outlines(np.zeros((1, 4, 4)), {colour: np.ones((4, 4))})


def test_zero_weights_are_mid_grey():
    assert (pixels(galleries.kernels(np.zeros((1, 3, 3, 3)), zoom=1)) == 128).all()


@pytest.mark.parametrize("shape", [(8, 1, 3, 3), (8, 3, 7, 7), (8, 2, 3, 3, 3)])
def test_kernels_of_any_layer_are_tiles(shape, rng):
    assert galleries.kernels(rng.normal(size=shape))[:4] == b"\x89PNG"


def test_a_table_row_is_no_picture():
    with pytest.raises(ValueError, match="no picture"):
        picture(np.zeros(5))


def test_the_same_pixels_give_the_same_bytes(rng):
    values = rng.normal(size=(1, 16, 16))
    assert galleries.overlay(values, values[0]) == galleries.overlay(values, values[0])
