"""By what outlines may be told apart, and which map that proposes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from sagittal.core import ClassLabel, Geometry, Image, Labels, Polygons
from sagittal.core.polygons import Outline
from sagittal.data._annotators import Consensus
from sagittal.data.audit import audit
from sagittal.data.discover import discover
from sagittal.data.manifest import Manifest
from sagittal.data.signs import Choice, Outlined, ambiguous, class_in, lines, tally
from sagittal.io import write


def outlined(*shapes, times=4):
    """Cases on each of which each of the shapes, given by its signs, is drawn once and covers ten."""
    found = Outlined()
    for _ in range(times):
        found.add({tuple(signs.items()): (1, 10.0) for signs in shapes}, "px")
    return found


@pytest.mark.parametrize(
    ("shapes", "wanted"),
    [
        ([{"class": "tumour"}], [("class", {"tumour": "tumour"})]),
        ([{"class": "a", "colour": "#ff0000"}, {"class": "b", "colour": "#ff0000"}], [("class", {"a": "a", "b": "b"})]),
        ([{"colour": "#ff0000"}, {"colour": "#00a100"}], [("colour", {"#00a100": "green", "#ff0000": "red"})]),
        ([{"colour": "#fe0000"}, {"colour": "#ff0000"}], [("colour", {"#fe0000": "red", "#ff0000": "red ff0000"})]),
        ([{"layer": "Exclusion"}, {"layer": "Tumour"}], [("layer", {"Exclusion": "background", "Tumour": "Tumour"})]),
        ([{"class": "a"}, {"colour": "#0000ff"}], [("mixed", {"#0000ff": "blue", "a": "a"})]),
        (
            [{"layer": "one", "colour": "#ff0000"}, {"layer": "one", "colour": "#0000ff"}],
            [("layer", {"one": "one"}), ("colour", {"#0000ff": "blue", "#ff0000": "red"})],
        ),
        ([{"layer": "one", "colour": "#ff0000"}, {"layer": "two", "colour": "#0000ff"}], [("layer", {"one": "one", "two": "two"})]),
        ([{"id": f"nest {n}", "colour": "#ff0000"} for n in range(9)], [("colour", {"#ff0000": "red"})]),
        ([{}], []),
    ],
)
def test_the_map_that_is_proposed(shapes, wanted):
    found = outlined(*shapes, times=1 if len(shapes) > 5 else 4)
    assert [(c.kind, dict(c.words)) for c in found.choices()] == wanted


def test_the_setting_can_be_copied():
    words = {"#ff0000": "red", "it's: a": "no", "Tumor ROI": "tumour", "1st": "x y"}
    import shlex

    _, setting = shlex.split(Choice(kind="colour", words=words).setting())
    key, _, value = setting.partition("=")
    assert (key, yaml.safe_load(value)) == ("data.words", words)


def test_shapes_cases_and_areas_are_counted():
    rows = outlined({"class": "a", "colour": "#ff0000"}, {"class": "b", "colour": "#ff0000"}).rows()
    assert [(r["kind"], r["value"], r["shapes"], r["cases"], r["area"]) for r in rows] == [
        ("class", "a", 4, 4, 40.0),
        ("class", "b", 4, 4, 40.0),
        ("colour", "#ff0000", 8, 4, 80.0),
    ]


SHAPE = '<rect class="cls-{n}" x="{x}" y="2" width="6" height="5"/>'
SHEET = "<style>.cls-1{fill:none;stroke:#ff0000}.cls-2{fill:none;stroke:#0000ff}</style>"


@pytest.fixture
def folder(tmp_path):
    """Three drawn tiles, two colours in one layer each, and one tile without a drawing."""
    rng = np.random.default_rng(0)
    for n in range(4):
        pixels = rng.integers(0, 255, (3, 16, 24)).astype(np.uint8)
        write(Image.of(pixels, Geometry.picture((16, 24)), channels=("red", "green", "blue")), tmp_path / f"patient-{n}_t.png")
        if n:
            shapes = SHAPE.format(n=1, x=1) + SHAPE.format(n=2, x=9)
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 16">{SHEET}<g id="Nest">{shapes}</g></svg>'
            (tmp_path / f"patient-{n}_t.svg").write_text(svg)
    return tmp_path


def test_the_audit_counts_what_is_drawn_and_what_is_not_and_warns_where_the_map_is_open(folder):
    found = discover(folder)
    seen = audit(found.manifest, workers=0)
    told = seen.tables["outlines"]
    assert (told["shapes"], told["cases"], told["bare"], told["unmarked"], told["unit"]) == (6, 3, 1, "leave", "px")
    assert [(r["kind"], r["value"], r["shapes"], r["area"]) for r in told["signs"]] == [
        ("layer", "Nest", 6, 180.0),
        ("colour", "#0000ff", 3, 90.0),
        ("colour", "#ff0000", 3, 90.0),
    ]
    assert [f.code for f in seen.findings if f.code == "AMBIGUOUS_OUTLINES"] == ["AMBIGUOUS_OUTLINES"]
    said = "\n".join(lines(seen.tables))
    assert "1 picture without a drawing: left out" in said
    assert """by colour: --set 'data.words={"#0000ff": blue, "#ff0000": red}'""" in said


def test_the_proposed_map_gives_the_classes_whatever_else_shapes_are_called(folder):
    words = {"#0000ff": "blue", "#ff0000": "red"}
    found = discover(folder, options={"words": words, "unmarked": "background", "mpp": 0.5})
    assert found.manifest.labels.classes == ("background", "blue", "red")
    seen = audit(found.manifest, workers=0)
    assert not seen.unreadable
    assert not [f for f in seen.findings if f.code == "AMBIGUOUS_OUTLINES"]
    told = seen.tables["outlines"]
    assert (told["unmapped"], told["bare"], told["unmarked"], told["unit"]) == (0, 1, "background", "um2")
    assert {r["value"]: r["area"] for r in told["signs"]} == {"Nest": 45.0, "#0000ff": 22.5, "#ff0000": 22.5}
    [first, *_] = [c for c in found.manifest.cases if c.annotation]
    like = Geometry.picture((16, 24))
    mask = found.manifest.annotation(first, like=like).mask_of(like)
    assert (mask[3, 3], mask[3, 11], mask[3, 20]) == (2, 1, 0)


def test_outlines_of_no_class_and_those_left_out_are_told_too(folder):
    found = discover(folder, options={"words": {"#0000ff": "", "#ff0000": "red"}})
    assert found.manifest.labels.classes == ("background", "red")
    assert audit(found.manifest, workers=0).tables["outlines"]["shapes"] == 6
    strange = replace(found.manifest.labels, words={}, classes=("background", "x", "y"), colours={}, positive=None)
    seen = audit(replace(found.manifest, labels=strange), workers=0)
    assert len(seen.unreadable) == 3
    assert seen.tables["outlines"]["shapes"] == 6


def box(left, top, right, bottom, **signs):
    ring = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=float)
    return Outline(rings=(ring,), name="drawn", signs=tuple(signs.items()))


def drawing(*outlines):
    return Polygons(outlines=outlines, labels=Labels(classes=("background", "drawn"), background="background"))


A, B = (("class", "a"),), (("class", "b"), ("colour", "#ff0000"))


def test_shapes_are_counted_by_all_of_their_signs_and_measured_as_they_are_seen():
    said = drawing(
        box(0, 0, 4, 4, **dict(A)), box(2, 0, 6, 4, **dict(B)), box(10, 10, 12, 12, **dict(A)), box(90, 90, 99, 99), box(1, 1, 2, 2)
    )
    found = tally(said, Geometry.picture((20, 20)))
    assert found[A] == (2, 4 * 4 - 2 * 4 - 1 + 4), "what lies under later shapes is not seen"
    assert found[B] == (1, 16.0)
    assert found[()] == (2, 1.0), "off the picture there is nothing to see, but it was drawn"


def test_areas_are_in_the_unit_of_the_grid_also_where_a_large_picture_is_looked_at_coarsely():
    micrometres = Geometry(shape=(20, 20), affine=np.diag([0.5, 0.5, 1.0]), unit="um", frame="slide")
    assert tally(drawing(box(0, 0, 5, 5, **dict(A))), micrometres)[A][1] == pytest.approx(25.0, rel=0.3)
    large = Geometry.picture((8000, 6000))
    assert tally(drawing(box(1000, 1000, 3000, 2000, **dict(A))), large)[A][1] == pytest.approx(2e6, rel=0.02)


def test_of_several_people_all_that_they_drew_is_counted():
    labels = Labels(classes=("background", "drawn"), background="background")
    one, two = drawing(box(0, 0, 4, 4, **dict(A))), drawing(box(0, 0, 2, 2, **dict(A)), box(5, 5, 6, 6, **dict(B)))
    assert tally(Consensus(each=(one, two), labels=labels), Geometry.picture((9, 9))) == {A: (2, 20.0), B: (1, 1.0)}


@pytest.mark.parametrize("said", [None, ClassLabel(names=("a",), labels=Labels(classes=("a", "b")))], ids=["nothing", "a label"])
def test_what_is_no_outline_has_no_shapes(said):
    assert tally(said, Geometry.picture((4, 4))) == {}


def test_an_empty_drawing_has_no_shapes():
    assert tally(drawing(), Geometry.picture((4, 4))) == {}


@pytest.mark.parametrize(
    ("signs", "words", "meant"),
    [
        (A, {"a": "tumour"}, "tumour"),
        (A, {"A": "tumour"}, "tumour"),
        (B, {"#FF0000": "red"}, "red"),
        (B, {"#FF0000": "red", "b": "stroma"}, "stroma"),  # the more telling sign decides
        (B, {"b": ""}, ""),  # left out on purpose, which is not: unknown
        (A, {"b": "stroma"}, None),
        (A, {}, None),
        ((), {"a": "tumour"}, None),
        ((("class", "Straße"),), {"STRASSE": "road"}, "road"),
    ],
)
def test_what_a_map_makes_of_a_shape(signs, words, meant):
    assert class_in(signs, words) == meant


def manifest(words=()):
    return Manifest(cases=(), labels=Labels(classes=("background", "drawn"), background="background", words=dict(words)), root=Path())


def test_only_ways_that_do_not_agree_are_warned_of_and_only_until_somebody_chooses():
    layers = [{"layer": "one", "colour": "#ff0000"}, {"layer": "one", "colour": "#0000ff"}]
    (finding,) = ambiguous(outlined(*layers), manifest())
    assert (finding.code, finding.severity) == ("AMBIGUOUS_OUTLINES", "warn")
    assert "by layer (1) or by colour (2)" in finding.what
    assert finding.what.endswith("they are taken by layer")
    assert """--set 'data.words={"#0000ff": blue, "#ff0000": red}'""" in finding.remedy
    assert ambiguous(outlined(*layers), manifest({"one": "drawn"})) == []
    assert ambiguous(outlined({"layer": "one", "colour": "#ff0000"}, {"layer": "two", "colour": "#0000ff"}), manifest()) == []
    assert ambiguous(Outlined(), manifest()) == []
