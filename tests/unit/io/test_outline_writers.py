"""Label maps as outlines: valid, exact, and read again as what they were."""

from __future__ import annotations

import json

import numpy as np
import pytest
from shapely.geometry import shape

from sagittal import io
from sagittal.core import Geometry, Image, Labels
from sagittal.errors import UsageError
from sagittal.io.writers._features import features
from sagittal.io.writers.geojson import write_features
from sagittal.io.writers.svg import write_shapes

LABELS = Labels(classes=("tissue", "gland", "tumour"), background="tissue", colours={"gland": "#00ff00", "tumour": "#ff0000"})
GRID = Geometry.picture((30, 40))


def blobs(seed: int, k: int = 3) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    return np.stack([gaussian_filter(rng.normal(size=GRID.shape), 1.5) for _ in range(k)]).argmax(axis=0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("suffix", [".geojson", ".svg"])
def test_what_is_written_is_read_again(tmp_path, seed, suffix):
    answer, path = blobs(seed), tmp_path / f"a{suffix}"
    found = list(features(answer, LABELS))
    n = write_features(path, found) if suffix == ".geojson" else write_shapes(path, found, GRID.shape)
    assert n == len(found) > 2
    np.testing.assert_array_equal(io.read_annotation(path, LABELS, like=GRID).mask_of(GRID), answer)


@pytest.mark.parametrize("suffix", [".geojson", ".svg"])
def test_objects_keep_their_numbers_also_where_they_touch(tmp_path, suffix):
    objects = np.zeros(GRID.shape, np.int32)
    objects[2:12, 2:12], objects[2:12, 12:20], objects[20:25, 5:9], objects[27:, 30:] = 1, 2, 3, 5
    objects[5:8, 5:8] = 0
    answer = np.where(objects == 2, 2, objects > 0)
    path = tmp_path / f"a{suffix}"
    found = list(features(answer, LABELS, objects=objects))
    assert [f.number for f in found] == [1, 2, 3, 5] and [f.samples for f in found] == [91, 80, 20, 30]
    _ = write_features(path, found) if suffix == ".geojson" else write_shapes(path, found, GRID.shape)
    numbers, classes = io.read_annotation(path, LABELS, like=GRID).instances_of(GRID)
    assert classes.tolist() == [1, 2, 1, 1]
    np.testing.assert_array_equal(numbers, np.where(objects == 5, 4, objects))


def test_geojson_is_what_qupath_expects(tmp_path):
    path = tmp_path / "a.geojson"
    answer = blobs(5)
    write_features(path, features(answer, LABELS), sample_um2=0.25)
    content = json.loads(path.read_text())
    assert content["type"] == "FeatureCollection"
    total = {"gland": 0.0, "tumour": 0.0}
    for feature in content["features"]:
        polygon = shape(feature["geometry"])
        assert feature["type"] == "Feature" and polygon.is_valid and polygon.area > 0
        kind = feature["properties"]["classification"]
        assert kind["color"] == {"gland": [0, 255, 0], "tumour": [255, 0, 0]}[kind["name"]]
        assert feature["properties"]["measurements"]["Area um^2"] == pytest.approx(polygon.area * 0.25)
        assert all(ring[0] == ring[-1] for ring in feature["geometry"]["coordinates"])
        total[kind["name"]] += polygon.area
    assert total == {"gland": (answer == 1).sum(), "tumour": (answer == 2).sum()}


def test_an_object_in_parts_is_one_feature(tmp_path):
    objects = np.zeros((9, 9), np.int32)
    objects[0, 0] = objects[5, 5] = objects[6, 6] = 1
    (found,) = features((objects > 0).astype(int), LABELS, objects=objects)
    assert len(found.polygons) == 3
    write_features(tmp_path / "a.geojson", [found])
    geometry = json.loads((tmp_path / "a.geojson").read_text())["features"][0]["geometry"]
    assert geometry["type"] == "MultiPolygon" and shape(geometry).is_valid and shape(geometry).area == 3


def test_a_map_of_numbers_is_written_by_its_suffix_and_other_images_are_refused(tmp_path):
    numbers = np.zeros((1, 8, 8), np.uint8)
    numbers[0, 2:5, 2:5] = 7
    for suffix in (".geojson", ".svg"):
        path = tmp_path / f"n{suffix}"
        io.write(Image.of(numbers, Geometry.picture((8, 8))), path)
        said = io.read_annotation(path, Labels(classes=("0", "7"), background="0"))
        assert [o.told for o in said.outlines] == ["7"]
        with pytest.raises(UsageError, match="3 channels of float32"):
            io.write(Image.of(np.zeros((3, 8, 8), np.float32), Geometry.picture((8, 8))), path)


def test_nothing_is_an_empty_file_that_can_be_read(tmp_path):
    write_features(tmp_path / "a.geojson", [])
    write_shapes(tmp_path / "a.svg", [], (8, 8))
    for suffix in (".geojson", ".svg"):
        assert not io.read_annotation(tmp_path / f"a{suffix}", LABELS).outlines


def test_a_name_that_is_no_xml_is_quoted(tmp_path):
    labels = Labels(classes=("g", 'a<"&>b'), background="g")
    write_shapes(tmp_path / "a.svg", features(np.ones((2, 2), int), labels), (2, 2))
    assert io.read_annotation(tmp_path / "a.svg", labels).outlines[0].told == 'a<"&>b'
