"""Pictures with outlines, whichever program drew them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.data.discover import discover
from sagittal.data.layouts.outline_pairs import outline_pairs
from sagittal.errors import UsageError

REGION = Geometry.picture((24, 40))


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write(Image.of(np.zeros((1, 24, 40), np.uint8), REGION), path)


def aperio(path, n, name="", colours=("255",)):
    layers = ""
    for colour in colours:
        regions = "".join(
            '<Region NegativeROA="0"><Vertices>'
            + "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in ((i, 2), (i + 1, 2), (i + 1, 5), (i, 5)))
            + "</Vertices></Region>"
            for i in range(n)
        )
        layers += f'<Annotation Name="{name}" LineColor="{colour}"><Regions>{regions}</Regions></Annotation>'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<Annotations>{layers}</Annotations>")


def test_many_outlines_a_picture_are_objects_and_few_are_areas(tmp_path):
    for name, n in (("a", 30), ("b", 25), ("c", 28)):
        picture(tmp_path / f"tissue_image/{name}.png")
        aperio(tmp_path / f"annotations/{name}.xml", n)
    seen = discover(tmp_path)
    assert (seen.layout, seen.manifest.said, seen.manifest.labels.classes) == ("outline_pairs", "objects", ("background", "foreground"))
    objects, classes = seen.manifest.annotation(seen.manifest.case("tissue_image/a"), like=REGION).instances_of(REGION)
    assert len(classes) == 30 and objects.max() == 30
    assert outline_pairs(tmp_path, objects=False).manifest.said == "outlines"
    aperio(tmp_path / "annotations/a.xml", 2)
    aperio(tmp_path / "annotations/b.xml", 2)
    assert outline_pairs(tmp_path).manifest.said == "outlines"


def test_classes_are_names_or_else_several_colours(tmp_path):
    picture(tmp_path / "a.png")
    aperio(tmp_path / "a.xml", 2, name="Tumour bed", colours=("255", "65280"))
    assert outline_pairs(tmp_path).manifest.labels.classes == ("background", "Tumour bed")
    aperio(tmp_path / "a.xml", 2, colours=("255", "65280"))
    seen = outline_pairs(tmp_path)
    assert seen.manifest.labels.classes == ("background", "#00ff00", "#ff0000")
    assert seen.manifest.annotation(seen.manifest.cases[0], like=REGION).mask_of(REGION).max() == 1, "green lies on top"
    told = outline_pairs(tmp_path, words={"#ff0000": "tumour", "#00ff00": ""}).manifest
    assert told.labels.classes == ("background", "tumour") and told.labels.positive == "tumour"
    assert told.annotation(told.cases[0], like=REGION).mask_of(REGION).sum() == 2 * 3


def test_one_file_of_coco_for_many_pictures(tmp_path):
    for name in ("x/1.png", "x/2.png", "x/3.png"):
        picture(tmp_path / name)
    flat = [1, 2, 6, 2, 6, 5, 1, 5]
    images = [{"id": 7, "file_name": "1.png"}, {"id": 9, "file_name": "x/2.png"}]
    annotations = [{"image_id": 7, "category_id": 1, "segmentation": [flat]}]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]}
    (tmp_path / "instances.json").write_text(json.dumps(content))
    (tmp_path / "other.json").write_text('{"a": 1}')
    seen = discover(tmp_path)
    assert "2 tiles with outlines in COCO JSON, classes background, cell" in seen.sentence and "1 tile without a drawing" in seen.sentence
    manifest = seen.manifest.check()
    assert [int(manifest.annotation(c, like=REGION).mask_of(REGION).sum()) for c in manifest.cases] == [15, 0]


def test_geojson_beside_its_pictures(tmp_path):
    for name in "ab":
        picture(tmp_path / f"{name}.png")
        ring = [[1, 1], [9, 1], [9, 9], [1, 9], [1, 1]]
        feature = {
            "type": "Feature",
            "properties": {"classification": {"name": "Tumor"}},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        (tmp_path / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    seen = discover(tmp_path)
    assert (seen.manifest.said, seen.manifest.labels.positive, len(seen.manifest)) == ("outlines", "Tumor", 2)


def test_a_setting_that_is_none_is_refused_and_no_drawing_is_none_of_it(tmp_path):
    picture(tmp_path / "a.png")
    assert outline_pairs(tmp_path) is None
    with pytest.raises(UsageError, match="neither leave nor background"):
        outline_pairs(tmp_path, unmarked="drop")


@pytest.mark.real_data
def test_monuseg_is_nuclei_of_four_patients(real_data):
    seen = discover(real_data / "monuseg")
    assert (seen.layout, seen.manifest.said, len({c.group for c in seen.manifest.cases})) == ("outline_pairs", "objects", 4)


@pytest.mark.parametrize(("pictures", "drawings"), [("slides", "annotations"), ("HE", "qupath"), ("train/HE", "train/qupath"), ("", "x")])
def test_drawings_in_a_folder_of_their_own_whatever_it_is_called(tmp_path, pictures, drawings):
    for name in ("a", "b", "c"):
        picture(tmp_path / pictures / f"{name}.tif")
    for name in ("a.xml", "b.tif.xml"):  # scripts of QuPath like to append their suffix
        aperio(tmp_path / drawings / name, 1)
    assert [(c.images["image"], c.annotation) for c in outline_pairs(tmp_path).manifest.cases] == [
        (f"{pictures}/{n[0]}.tif".lstrip("/"), f"{drawings}/{n}") for n in ("a.xml", "b.tif.xml")
    ]


def test_drawings_of_another_folder_of_pictures_or_another_split_are_not_taken(tmp_path):
    for name in ("one/a.tif", "one/b.tif", "two/b.tif", "train/p.tif"):
        picture(tmp_path / name)
    for name in ("two/a.xml", "drawn/b.xml", "test/outlined/p.xml"):
        aperio(tmp_path / name, 1)
    assert outline_pairs(tmp_path) is None
