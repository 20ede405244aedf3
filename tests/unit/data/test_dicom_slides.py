"""Folders of DICOM slides: a case a slide, whatever its levels are called and whoever says what is on it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.unit.io.test_slide_dicom import a_slide, picture

from sagittal import io
from sagittal.data.audit import audit
from sagittal.data.discover import discover

NAMES = [f"P{n}" for n in range(4)]


def ring(left, top, side):
    corners = [[left, top], [left + side, top], [left + side, top + side], [left, top + side], [left, top]]
    kind = {"classification": {"name": "tumour"}, "objectType": "annotation"}
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [corners]}, "properties": kind}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


@pytest.fixture
def folders(tmp_path):
    """A folder of levels a slide."""
    for n, name in enumerate(NAMES):
        a_slide(tmp_path / name, picture(seed=n))
    return tmp_path


@pytest.fixture
def one_folder(tmp_path):
    """The levels of all slides in one folder."""
    for n in range(len(NAMES)):
        a_slide(tmp_path / "all", picture(seed=n))
    return tmp_path / "all"


def test_folders_of_levels_are_a_case_each(folders):
    found = discover(folders)
    assert found.layout == "pictures" and [c.images["image"] for c in found.manifest.cases] == NAMES
    assert {io.read(found.manifest.locate(c.images["image"])).geometry.shape for c in found.manifest.cases} == {(300, 420)}


def test_a_folder_of_many_slides_is_a_case_a_slide(one_folder):
    found = discover(one_folder)
    assert [c.images["image"][-5:] for c in found.manifest.cases] == ["b.dcm"] * 4


def test_the_folder_of_one_slide_is_one_case_and_so_is_a_file_of_it(folders):
    for path in (folders / "P0", next((folders / "P0").glob("*-b.dcm"))):
        assert len(discover(path).manifest) == 1


@pytest.mark.parametrize("column", [NAMES, [f"slides/{n}" for n in NAMES], [f"/old/disk/{n}" for n in NAMES]])
def test_a_table_names_the_folders_of_slides(folders, column):
    rows = [f"{name},{'tumour' if n % 2 else 'normal'},patient{n}" for n, name in enumerate(column)]
    (folders / "labels.csv").write_text("\n".join(["slide,label,patient", *rows]))
    found = discover(folders)
    assert found.layout == "any_csv" and found.manifest.said == "label"
    assert [(c.images["image"], c.label) for c in found.manifest.cases][:2] == [("P0", "normal"), ("P1", "tumour")]


def test_paths_of_folders_in_a_table_are_slides(tmp_path):
    (tmp_path / "slides").mkdir()
    for n, name in enumerate(NAMES):
        a_slide(tmp_path / "slides" / name, picture(seed=n))
    (tmp_path / "labels.csv").write_text("\n".join(["slide,label", *(f"slides/{n},{'ab'[i % 2]}" for i, n in enumerate(NAMES))]))
    found = discover(tmp_path)
    assert found.layout == "any_csv" and [c.label for c in found.manifest.cases] == list("abab")


def test_a_table_names_the_finest_files(one_folder):
    files = sorted(p.name for p in one_folder.glob("*-b.dcm"))
    (one_folder / "labels.csv").write_text("\n".join(["file,label", *(f"{f},{'ab'[i % 2]}" for i, f in enumerate(files))]))
    found = discover(one_folder)
    assert found.layout == "any_csv" and [c.label for c in found.manifest.cases] == list("abab") and found.manifest.said == "label"


def test_folders_of_classes_hold_slides(tmp_path):
    for n, name in enumerate(NAMES):
        folder = tmp_path / ("tumour" if n % 2 else "normal")
        folder.mkdir(exist_ok=True)
        a_slide(folder / name, picture(seed=n))
    found = discover(tmp_path)
    assert found.layout == "class_folders" and [c.label for c in found.manifest.cases] == ["normal", "normal", "tumour", "tumour"]


def test_outlines_beside_the_folders_lie_on_the_slides(folders):
    for name in NAMES:
        (folders / f"{name}.geojson").write_text(ring(40, 60, 100))
    found = discover(folders)
    assert found.layout == "outline_pairs" and found.manifest.labels.classes == ("background", "tumour")
    case = found.manifest.cases[0]
    like = io.read(found.manifest.locate(case.images["image"])).geometry
    drawn = found.manifest.annotation(case, like=like)
    assert len(drawn.outlines) == 1
    assert np.ptp(like.to_index(drawn.outlines[0].rings[0]), axis=0) == pytest.approx([100, 100])


def test_the_audit_counts_slides_and_measures_them(folders):
    for name in NAMES:
        (folders / f"{name}.geojson").write_text(ring(40, 60, 100))
    told = audit(discover(folders).manifest)
    assert [f.code for f in told.findings] == ["NO_GROUP"] and told.counts[""]["cases"] == 4
    assert told.fingerprint["spacing"] == [0.5, 0.5] and told.tables["outlines"]["unit"] == "um2"
