"""Outlines mean the same whichever program they were drawn in."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Labels
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.guard import Limits
from sagittal.io.readers.coco import decoded

GRID = Geometry.picture((40, 60))
LABELS = Labels(classes=("tissue", "gland", "tumour"), background="tissue", colours={"gland": "#00ff00", "tumour": "#ff0000"})
ONE = Labels(classes=("tissue", "tumour"), background="tissue")
OUTER = [(10, 5), (30, 5), (30, 20), (10, 20)]
HOLE = [(15, 8), (20, 8), (20, 12), (15, 12)]


def aperio(*regions: tuple[list, str], name="", colour=255, text="", kind="0"):
    drawn = "".join(
        f'<Region Type="{kind}" NegativeROA="{negative}" Text="{text}"><Vertices>'
        + "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in ring)
        + "</Vertices></Region>"
        for ring, negative in regions
    )
    return f'<Annotations><Annotation Name="{name}" LineColor="{colour}"><Regions>{drawn}</Regions></Annotation></Annotations>'


def asap(*annotations: tuple[list, str], colour="#ff0000", kind="Polygon"):
    drawn = "".join(
        f'<Annotation Name="a" Type="{kind}" PartOfGroup="{group}" Color="{colour}"><Coordinates>'
        + "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in reversed(list(enumerate(ring))))
        + "</Coordinates></Annotation>"
        for ring, group in annotations
    )
    return f'<?xml version="1.0"?><ASAP_Annotations><Annotations>{drawn}</Annotations></ASAP_Annotations>'


def geojson(*rings, kind="Polygon", **properties):
    coordinates = [[*ring, ring[0]] for ring in rings]
    geometry = {"type": kind, "coordinates": coordinates if kind == "Polygon" else [[ring] for ring in coordinates]}
    features = [{"type": "Feature", "properties": properties, "geometry": geometry}]
    return json.dumps({"type": "FeatureCollection", "features": features})


def coco(*segmentations, images=("a.png",), category="tumour"):
    annotations = [{"image_id": 1 + n, "category_id": 3, "segmentation": s} for n, s in segmentations]
    pictures = [{"id": 1 + n, "file_name": name, "width": 60, "height": 40} for n, name in enumerate(images)]
    return json.dumps({"images": pictures, "annotations": annotations, "categories": [{"id": 3, "name": category}]})


def box(top, left, bottom, right, value=1):
    expected = np.zeros(GRID.shape, np.int16)
    expected[top:bottom, left:right] = value
    return expected


def drawn(tmp_path, text, labels=ONE, *, suffix=".xml", part="", like=GRID):
    path = tmp_path / f"a{suffix}"
    path.write_text(text)
    return io.read_annotation(f"{path}::{part}" if part else path, labels, like=like)


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        (aperio((OUTER, 0), (HOLE, 1)), ".xml"),
        (geojson(OUTER, HOLE), ".geojson"),
        (geojson(OUTER, HOLE), ".json"),
        (asap((OUTER, "tumour"), (HOLE, "tissue")), ".xml"),
        (asap((HOLE, "tissue"), (OUTER, "tumour")), ".xml"),
    ],
)
def test_an_outline_with_a_hole(tmp_path, text, suffix):
    np.testing.assert_array_equal(drawn(tmp_path, text, suffix=suffix).mask_of(GRID), box(5, 10, 20, 30) - box(8, 15, 12, 20))


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        (aperio((OUTER, 0), colour=255), ".xml"),
        (aperio((OUTER, 0), name="Tumour", colour=0), ".xml"),
        (aperio((OUTER, 0), text="tumour", name="gland"), ".xml"),
        (aperio((OUTER, 0), name="cancer", colour=7), ".xml"),
        (asap((OUTER, "tumour"), colour="#00ff00"), ".xml"),
        (asap((OUTER, "None"), colour="#FF0000"), ".xml"),
        (geojson(OUTER, classification={"name": "Tumour", "color": [0, 255, 0]}), ".geojson"),
        (geojson(OUTER, classification={"colorRGB": -65536}), ".geojson"),
        (geojson(OUTER, classification="cancer"), ".geojson"),
        (geojson(OUTER, color=[255, 0, 0]), ".geojson"),
        (coco((0, [[c for p in OUTER for c in p]])), ".json"),
        ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><g id="tumour"><path d="M10 5h20v15h-20z"/></g></svg>', ".svg"),
        ('<svg viewBox="0 0 60 40"><rect x="10" y="5" width="20" height="15" style="fill:none;stroke:red"/></svg>', ".svg"),
    ],
)
def test_the_class_is_told_by_name_or_colour_or_by_what_the_user_says_of_them(tmp_path, text, suffix):
    from dataclasses import replace

    labels = replace(LABELS, words={"cancer": "tumour"})
    np.testing.assert_array_equal(drawn(tmp_path, text, labels, suffix=suffix).mask_of(GRID), box(5, 10, 20, 30, 2))


def test_a_hole_cuts_the_region_around_it_alone(tmp_path):
    neighbour = [(31, 0), (55, 0), (55, 39), (1, 39), (1, 30), (31, 30)]
    found = drawn(tmp_path, aperio((OUTER, 0), (neighbour, 0), (HOLE, 1))).mask_of(GRID)
    np.testing.assert_array_equal(found[:25, :31], (box(5, 10, 20, 30) - box(8, 15, 12, 20))[:25, :31])


def test_an_outline_of_no_class_is_refused_and_one_that_means_nothing_is_left_out(tmp_path):
    text = geojson(OUTER, classification={"name": "Region*"})
    with pytest.raises(Refused, match=r"Region\*, which is none of gland, tumour"):
        drawn(tmp_path, text, LABELS, suffix=".geojson")
    ignoring = Labels(classes=LABELS.classes, background="tissue", words={"region*": ""})
    assert not drawn(tmp_path, text, ignoring, suffix=".geojson").outlines


@pytest.mark.parametrize("told", [{"names": ["Tumour", "Positive"]}, {"name": "Tumour: Positive", "colorRGB": -3670016}])
def test_a_class_derived_from_another_is_called_as_people_see_it_and_is_the_other_one(tmp_path, told):
    text = geojson(OUTER, classification=told)
    found = drawn(tmp_path, text, LABELS, suffix=".geojson")
    assert [(o.name, o.told) for o in found.outlines] == [("tumour", "Tumour: Positive")]
    mapped = replace(LABELS, words={"Tumour: Positive": "gland"})
    assert [o.name for o in drawn(tmp_path, text, mapped, suffix=".geojson").outlines] == ["gland"]


def test_a_rectangle_of_two_corners(tmp_path):
    text = aperio(([OUTER[0], OUTER[2]], 0), kind="1")
    np.testing.assert_array_equal(drawn(tmp_path, text).mask_of(GRID), box(5, 10, 20, 30))


def test_words_must_mean_classes():
    with pytest.raises(Exception, match="no class of this name"):
        Labels(classes=("a", "b"), words={"x": "c"})
    labels = Labels(classes=("a", "b"), words={"x": "b", "y": ""})
    assert Labels.from_record(json.loads(json.dumps(labels.record()))) == labels


def test_parts_of_one_object_are_one_object(tmp_path):
    other = [(40, 5), (50, 5), (50, 20), (40, 20)]
    for text, suffix in (
        (geojson(OUTER, other, kind="MultiPolygon"), ".geojson"),
        (coco((0, [[c for p in OUTER for c in p], [c for p in other[::-1] for c in p]])), ".json"),
    ):
        objects, classes = drawn(tmp_path, text, suffix=suffix).instances_of(GRID)
        assert len(classes) == 1 and np.array_equal(objects, box(5, 10, 20, 30) + box(5, 40, 20, 50))


def test_overlapping_parts_of_coco_are_their_union_however_they_turn(tmp_path):
    flat = [[c for p in ring for c in p] for ring in (OUTER, HOLE, HOLE[::-1])]
    np.testing.assert_array_equal(drawn(tmp_path, coco((0, flat)), suffix=".json").mask_of(GRID), box(5, 10, 20, 30))


def packed(runs):
    """The other direction of ``maskApi.c``: five bits a letter, from the third run on less the one two before."""
    text = ""
    for n, run in enumerate(runs):
        value = run - (runs[n - 2] if n > 2 else 0)
        while True:
            code = value & 31
            value >>= 5
            more = value != (-1 if code & 16 else 0)
            text += chr(48 + (code | 32 if more else code))
            if not more:
                break
    return text


def runs_of(mask):
    flat = np.concatenate([[0], mask.T.ravel(), [1 - mask.T.ravel()[-1]]])
    ends = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], ends])).tolist()


def test_run_lengths_plain_and_packed(tmp_path):
    rng = np.random.default_rng(0)
    for mask in (rng.random((40, 60)) < 0.4, box(5, 10, 20, 30) > 0, np.zeros((40, 60), bool)):
        runs = runs_of(mask.astype(int))
        for counts in (runs, packed(runs)):
            text = coco((0, {"counts": counts, "size": [40, 60]}))
            np.testing.assert_array_equal(drawn(tmp_path, text, suffix=".json").mask_of(GRID), mask)


def test_a_packed_mask_written_by_hand():
    # three columns of four; runs below 16 are letters from 0 on, and the third is not yet a difference
    assert decoded("525", [4, 3], "a", Limits.default()).T.ravel().tolist() == [False] * 5 + [True] * 2 + [False] * 5


@pytest.mark.parametrize("counts", [[1, 2], [3000], [-1, 2401], "zzzzzzzzzzzzzzz"])
def test_run_lengths_that_do_not_fill_the_mask_are_refused(tmp_path, counts):
    with pytest.raises(UnreadableInput):
        drawn(tmp_path, coco((0, {"counts": counts, "size": [40, 60]})), suffix=".json")


def test_one_file_of_many_pictures_is_asked_by_name_or_number(tmp_path):
    flat = [c for p in OUTER for c in p]
    text = coco((1, [flat]), images=("a.png", "b/c.png"))
    for part, wanted in (("a.png", 0), ("1", 0), ("b/c.png", 300), ("2", 300)):
        assert drawn(tmp_path, text, suffix=".json", part=part).mask_of(GRID).sum() == wanted
    with pytest.raises(UnreadableInput, match="speaks of 2 pictures"):
        drawn(tmp_path, text, suffix=".json")
    with pytest.raises(UnreadableInput, match="no picture"):
        drawn(tmp_path, text, suffix=".json", part="d.png")


@pytest.mark.parametrize("radius", [3.0, 17.0, 140.0])
def test_the_area_of_curves_is_right_within_a_fifth_of_a_percent(tmp_path, radius):
    size = int(2 * radius * 1.7 + 20)
    fine = Geometry(shape=(2048, 2048), affine=np.array([[0, size / 2048, 0], [size / 2048, 0, 0], [0, 0, 1]]), unit="px")
    like = Geometry.picture((size, size))
    middle, k = size / 2, radius
    corners = [(middle - k, middle - k / 2), (middle + k, middle + k / 2)]
    shapes = {
        f'<circle cx="{middle}" cy="{middle}" r="{k}"/>': np.pi * k * k,
        f'<ellipse cx="{middle}" cy="{middle}" rx="{k}" ry="{k / 2}"/>': np.pi * k * k / 2,
        f'<rect x="{middle - k}" y="{middle - k / 2}" width="{2 * k}" height="{k}" transform="rotate(33 {middle} {middle})"/>': 2 * k * k,
    }
    found = [
        (drawn(tmp_path, f'<svg viewBox="0 0 {size} {size}">{shape}</svg>', suffix=".svg", like=like), area)
        for shape, area in shapes.items()
    ]
    found.append((drawn(tmp_path, aperio((corners, 0), kind="2"), like=like), np.pi * k * k / 2))
    for said, area in found:
        assert said.mask_of(fine).sum() * (size / 2048) ** 2 == pytest.approx(area, rel=0.002)


def test_arrows_dots_and_lines_are_no_outlines(tmp_path):
    line = {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[1, 1], [5, 5]]}}
    empty = {"type": "Feature", "properties": {}, "geometry": None}
    assert not drawn(tmp_path, aperio((OUTER, 0), kind="3")).outlines
    assert not drawn(tmp_path, aperio((OUTER[:2], 0))).outlines
    assert not drawn(tmp_path, asap((OUTER, "tumour"), kind="PointSet")).outlines
    assert not drawn(tmp_path, json.dumps([line, empty]), suffix=".geojson").outlines


@pytest.mark.parametrize(
    ("text", "suffix", "code"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]><Annotations><Annotation Name="&x;"/></Annotations>', ".xml", "UNSAFE"),
        ("<Annotations><Annotation>", ".xml", "BROKEN"),
        (aperio(([("a", 1), (2, 2), (3, 3)], 0)), ".xml", "BROKEN"),
        (aperio(([("nan", 1), (2, 2), (3, 5)], 0)), ".xml", "BROKEN"),
        (asap(([("a", 1), (2, 2), (3, 3)], "tumour")), ".xml", "BROKEN"),
        ('{"type": "FeatureCollection", "features": [3]}', ".geojson", "BROKEN"),
        ('{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Polygon"}}]}', ".geojson", "BROKEN"),
        ('{"type": "FeatureCollection", "features": ' + "[" * 100 + "]" * 100 + "}", ".geojson", "OVER_LIMIT"),
        ('{"type": "FeatureCollection", "features": ' + "[" * 100_000, ".geojson", None),
        ('{"images": [], "annotations": []}', ".json", "NO_SUCH_PART"),
        (
            '{"images": [{"id": 1}], "annotations": [{"image_id": 1, "segmentation": {"counts": "1", "size": [100000, 100000]}}]}',
            ".json",
            None,
        ),
    ],
)
def test_what_is_broken_or_hides_something_is_refused(tmp_path, text, suffix, code):
    with pytest.raises(UnreadableInput) as refusal:
        drawn(tmp_path, text, suffix=suffix)
    assert code in {None, refusal.value.code}
    assert "a" + suffix in str(refusal.value)


def test_outlines_are_no_image_and_other_xml_and_json_are_not_taken_for_them(tmp_path):
    for name, text in (("a.xml", aperio((OUTER, 0))), ("b.xml", asap((OUTER, ""))), ("c.geojson", geojson(OUTER)), ("d.json", coco())):
        (tmp_path / name).write_text(text)
        with pytest.raises(UnreadableInput, match="outlines are an annotation"):
            io.read(tmp_path / name)
    (tmp_path / "e.xml").write_text("<?xml version='1.0'?><note/>")
    (tmp_path / "f.json").write_text('{"training": [{"image": "a"}]}')
    assert [io.identify(tmp_path / n) for n in ("a.xml", "b.xml", "c.geojson", "d.json", "e.xml", "f.json")] == [
        "Aperio XML",
        "ASAP XML",
        "GeoJSON",
        "COCO JSON",
        "XML",
        "JSON",
    ]


def test_lengths_with_units_make_the_canvas(tmp_path):
    text = f'<svg width="{60 / 96}in" height="{40 * 25.4 / 96}mm"><rect x="10" y="5" width="20" height="15"/></svg>'
    np.testing.assert_array_equal(drawn(tmp_path, text, suffix=".svg").mask_of(GRID), box(5, 10, 20, 30))


@pytest.mark.real_data
def test_nuclei_lie_where_the_tile_is_dark(real_data):
    path = real_data / "monuseg" / "annotations" / "TCGA-21-5786-01Z-00-DX1.xml"
    image = io.read(real_data / "monuseg" / "tissue_image" / "TCGA-21-5786-01Z-00-DX1.tif")
    said = io.read_annotation(path, Labels(classes=("background", "nucleus"), background="background"), like=image.geometry)
    inside = said.mask_of(image.geometry) > 0
    red = image.read()[0]
    assert len(said.outlines) > 200
    assert red[inside].mean() < red[~inside].mean() - 30


SAID = '<?xml version="1.0" encoding="UTF-16"?>'


@pytest.mark.parametrize(
    ("encoding", "mark", "said"),
    [
        ("utf-8-sig", b"", ""),
        ("utf-16", b"", ""),
        ("utf-16", b"", SAID),
        ("utf-16-be", b"\xfe\xff", SAID),
        ("utf-16-le", b"", SAID),
        ("utf-16-be", b"", SAID),
    ],
)
def test_outlines_in_utf_16_are_read(tmp_path, encoding, mark, said):
    svg = '<svg viewBox="0 0 60 40"><rect id="Gesch\u00fcr" x="10" y="5" width="20" height="15"/></svg>'
    for name, text in (("a.svg", svg), ("a.xml", aperio((OUTER, 0))), ("b.xml", asap((OUTER, "tumour")).partition("?>")[2])):
        path = tmp_path / name
        path.write_bytes(mark + (said + text).encode(encoding))
        np.testing.assert_array_equal(io.read_annotation(path, ONE, like=GRID).mask_of(GRID), box(5, 10, 20, 30))


def test_an_encoding_that_the_file_does_not_have_is_told_with_what_helps(tmp_path):
    with pytest.raises(UnreadableInput, match="save it as UTF-8"):
        drawn(tmp_path, '<?xml version="1.0" encoding="UTF-16"?><svg viewBox="0 0 60 40"/>', suffix=".svg")
