"""Folders of slides as scanners and people leave them: what is a slide, what only a picture of one, and who says what of it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from sagittal.data.discover import discover
from sagittal.data.layouts._images import images
from sagittal.io.writers._pyramid import write_pyramid

NAMES = [f"s{n}" for n in range(6)]
RING = [[10, 10], [100, 10], [100, 90], [10, 10]]
OUTLINE = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [RING]}, "properties": {"classification": {"name": "tumour"}}}


def a_slide(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 9, (512, 512, 3), dtype=np.uint8)
    write_pyramid(path, lambda a, b: values[a:b], values.shape, mpp=0.5, levels=2, stamp=False)


def a_picture(path, shape=(64, 64, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(shape, 9, np.uint8))


def a_table(folder, names):
    rows = [f"{name},{('normal', 'tumour')[n % 2]},P{n // 2}" for n, name in enumerate(names)]
    (folder / "slides.csv").write_text("\n".join(["slide,label,patient", *rows]))


@pytest.fixture
def folder(tmp_path):
    for n, name in enumerate(NAMES):
        a_slide(tmp_path / "wsi" / f"{name}.tif", n)
    return tmp_path


@pytest.mark.parametrize("picture", ["wsi/{}.jpg", "thumbs/{}.png", "wsi/{}_thumb.png", "macro/{}-macro.jpg"])
def test_a_picture_of_a_slide_is_no_case(folder, picture):
    for name in NAMES:
        a_picture(folder / picture.format(name))
    found = discover(folder)
    assert found.sentence.startswith("6 slides without labels")
    assert [c.images["image"] for c in found.manifest.cases] == [f"wsi/{n}.tif" for n in NAMES]


def test_pictures_of_slides_do_not_stand_against_the_table(folder):
    for name in NAMES:
        a_picture(folder / "thumbs" / f"{name}.png")
    a_table(folder, NAMES)
    found = discover(folder)
    assert found.layout == "any_csv" and found.manifest.labels.classes == ("normal", "tumour")
    assert [(c.images["image"], c.group) for c in found.manifest.cases][-1] == ("wsi/s5.tif", "P2")


def test_outlines_belong_to_the_slide_and_not_to_its_thumbnail(folder):
    (folder / "qupath").mkdir()
    for name in NAMES:
        a_picture(folder / "thumbnails" / f"{name}.png")
        (folder / f"qupath/{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [OUTLINE]}))
    a_table(folder, [f"{n}.tif" for n in NAMES])
    found = discover(folder)
    assert found.sentence.startswith("6 slides with outlines in GeoJSON, classes background, tumour")
    assert next((c.images["image"], c.annotation, c.group) for c in found.manifest.cases) == ("wsi/s0.tif", "qupath/s0.geojson", "P0")


def test_a_mask_of_a_slide_is_its_mask_whatever_it_is_written_as(folder):
    for name in NAMES:
        (folder / "masks").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"masks/{name}.png"), np.eye(512, dtype=np.uint8) * 255)
    found = discover(folder)
    assert found.layout == "image_pairs" and found.sentence.startswith("6 slides with a mask each")


def test_pictures_beside_tiles_of_their_name_stay_pictures(tmp_path):
    for name in NAMES:
        a_picture(tmp_path / f"a/{name}.tif")
        a_picture(tmp_path / f"b/{name}.png")
    assert len(images(tmp_path, (".tif", ".png"))) == 12


def test_a_picture_that_no_slide_is_called_as_stays(folder):
    a_picture(folder / "wsi" / "other.png")
    assert len(discover(folder).manifest) == 7


def test_a_barcode_names_the_only_slide_that_begins_with_it(tmp_path):
    codes = [f"TCGA-AA-000{n}-01Z-00-DX1" for n in range(4)]
    for n, code in enumerate(codes):
        a_slide(tmp_path / f"{code}.{n}f3a-77.tif", n)
    a_table(tmp_path, codes)
    assert [c.label for c in discover(tmp_path).manifest.cases] == ["normal", "tumour", "normal", "tumour"]
    a_slide(tmp_path / f"{codes[0]}.second.tif", 9)
    found = discover(tmp_path)
    assert len(found.manifest) == 4
    assert found.sentence.endswith("1 file not there, or not the only one of the name"), "two begin so: neither is meant"
