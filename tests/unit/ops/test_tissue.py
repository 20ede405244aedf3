"""Tissue is told from glass, dust and ink."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sagittal.core import Geometry, Image, Window
from sagittal.ops.overview import overview
from sagittal.ops.tissue import otsu, tissue_of

PINK, GLASS = (214, 150, 190), (244, 243, 245)


def slide(colours=None, *, shape=(1500, 2000), noise=4.0):
    rng = np.random.default_rng(0)
    values = np.empty((3, *shape), np.uint8)
    values[:] = np.clip(np.array(GLASS)[:, None, None] + rng.normal(0, noise, (3, *shape)), 0, 255)
    for colour, (top, left, rows, columns) in colours or [(PINK, (400, 500, 600, 800))]:
        place = (slice(None), slice(top, top + rows), slice(left, left + columns))
        values[place] = np.clip(np.array(colour)[:, None, None] + rng.normal(0, noise, (3, rows, columns)), 0, 255)
    image = Image.of(values, Geometry.picture(shape), meta={"bits": 8})
    return replace(image, tiled=True)


def test_the_mask_covers_tissue_and_nothing_else():
    image = slide()
    found = tissue_of(image)
    assert found.covered == pytest.approx(600 * 800 / (1500 * 2000), rel=0.02)
    assert found.share(image.geometry.at(Window((500, 600), (256, 256)))) == 1.0
    assert found.share(image.geometry.at(Window((0, 0), (256, 256)))) == 0.0
    assert found.share(image.geometry.at(Window((400, 1172), (256, 256)))) == pytest.approx(0.5, abs=0.02)
    assert found.share(image.geometry.at(Window((500, 600), (1, 1)))) == 1.0
    assert not found.doubtful.any()


def test_what_lies_off_the_slide_is_no_tissue():
    image = slide([(PINK, (0, 0, 1500, 2000))])
    found = tissue_of(image)
    assert found.covered == 1.0
    assert found.share(image.geometry.at(Window((-128, 0), (256, 256)))) == pytest.approx(0.5, abs=0.02)


def test_dust_is_dropped_and_pinholes_are_filled():
    found = tissue_of(slide([(PINK, (400, 500, 600, 800)), (PINK, (50, 50, 8, 8)), (GLASS, (600, 700, 8, 8))]))
    assert found.covered == pytest.approx(600 * 800 / (1500 * 2000), rel=0.02)


@pytest.mark.parametrize("ink", [(40, 60, 190), (20, 150, 60), (25, 25, 28)])
def test_ink_is_doubtful_and_no_tissue(ink):
    image = slide([(PINK, (400, 500, 600, 800)), (ink, (1200, 100, 100, 900))])
    found = tissue_of(image)
    assert found.share(image.geometry.at(Window((1210, 200), (64, 64)))) < 0.01
    assert found.doubtful.mean() == pytest.approx(100 * 900 / (1500 * 2000), rel=0.1)
    assert found.covered == pytest.approx(600 * 800 / (1500 * 2000), rel=0.02)


@pytest.mark.parametrize("stain", [(120, 70, 150), (214, 150, 190), (235, 180, 205), (170, 110, 175), (150, 90, 60)])
def test_stained_tissue_is_not_taken_for_ink(stain):
    assert not tissue_of(slide([(stain, (400, 500, 600, 800))])).doubtful.any()
    assert tissue_of(slide([(stain, (400, 500, 600, 800))])).covered > 0.1


def test_empty_glass_has_none():
    assert tissue_of(slide([(GLASS, (0, 0, 1, 1))])).covered == 0.0


def test_real_tissue_is_found_in_stained_tiles(real_data):
    from sagittal import io

    for path in sorted((real_data / "glas").rglob("*.bmp"))[:4]:
        image = io.read(path)
        if image.channels[0] == "red":
            assert tissue_of(image).covered > 0.5


def test_otsu_is_that_of_opencv():
    import cv2

    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(60, 15, 5000), rng.normal(180, 20, 3000)]).clip(0, 255).astype(np.uint8)
    theirs, _ = cv2.threshold(values.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    assert abs(otsu(values.astype(np.float32)) - theirs) <= 3


def test_an_overview_made_in_slabs_is_the_one_made_at_once(monkeypatch):
    image = slide()
    once = overview(image, longest=300).read()
    monkeypatch.setattr("sagittal.ops.overview.SLAB_BYTES", 1 << 18)
    # A value halfway between two bytes may be rounded to either.
    apart = np.abs(overview(image, longest=300).read().astype(int) - once)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3
    assert overview(image, longest=300).geometry.shape == (225, 300)
