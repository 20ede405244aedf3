"""The manifest: read back as written, by hand too, and checked."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core import Case, Labels
from sagittal.core.geometry import Geometry
from sagittal.data.manifest import Manifest, classes_of, read
from sagittal.errors import UnreadableInput, UsageError


def _one(tmp_path, **changes):
    case = Case(id="a", group="007", split="train", images={"image": "x/a.png"}, label="ill", meta={"age": "40", "site": 'north, "old"'})
    other = Case(id="b", split="test", images={"image": "/else where/b.png"}, label="None")
    return Manifest(cases=(replace(case, **changes), other), labels=Labels(classes=("ill", "None"), positive="ill"), root=tmp_path)


def test_what_is_written_is_read_back(tmp_path):
    manifest = _one(tmp_path)
    again = read(manifest.write(tmp_path / "m"))
    assert again.cases == manifest.cases
    assert again.labels == manifest.labels
    assert (again.digest, again.root, again.said) == (manifest.digest, tmp_path, "label")
    assert "edited" not in again.provenance


def test_names_that_look_like_formulas_stay_what_the_files_are_called(tmp_path):
    manifest = _one(tmp_path, id="=a", group="@7", images={"image": "-x/+a.png"}, label="ill")
    path = manifest.write(tmp_path / "m")
    assert read(path).cases == manifest.cases
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert (rows[0]["case"], rows[0]["image"]) == ("=a", "-x/+a.png"), "for other programs too"


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=5))
def test_any_words_survive(tmp_path_factory, rows):
    cases = tuple(
        Case(id=f"{i}", group=g, images={"image": f"{i}.png"}, label=w.replace(";", ","), meta={"m": m} if m else {})
        for i, (g, w, m) in enumerate(rows)
    )
    manifest = Manifest(cases=cases, labels=Labels(classes=classes_of(c.label for c in cases)), root=Path("/data"))
    assert read(manifest.write(tmp_path_factory.mktemp("m"))).cases == cases


def test_channels_and_annotations_have_columns(tmp_path):
    case = Case(id="s", images={"t1": "t1.nii", "t2": "t2.nii"}, annotation="seg.nii")
    manifest = Manifest(cases=(case,), labels=Labels(classes=("background", "wm"), background="background"), root=tmp_path)
    path = manifest.write(tmp_path)
    assert path.read_text().splitlines()[0] == "case,group,split,image:t1,image:t2,annotation"
    assert read(path).cases == (case,)
    assert read(path).said == "mask"


def test_a_person_may_change_the_csv(tmp_path):
    path = _one(tmp_path).write(tmp_path / "m")
    path.write_text(path.read_text().replace(",ill,", ",worse,"))
    again = read(path)
    assert again.labels.classes == ("ill", "None", "worse")
    assert again.provenance["edited"] is True


def test_the_root_is_found_again_after_a_move(tmp_path):
    (tmp_path / "old").mkdir()
    path = Manifest(cases=(Case(id="a", images={"image": "a.png"}),), labels=Labels(classes=()), root=tmp_path / "old").write(
        tmp_path / "old"
    )
    (tmp_path / "old/a.png").write_bytes(b"x")
    (tmp_path / "old").rename(tmp_path / "new")
    assert read(tmp_path / "new" / path.name).root == tmp_path / "new"


def test_a_version_that_is_not_known_is_refused(tmp_path):
    path = _one(tmp_path).write(tmp_path)
    record = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**record, "version": 99}))
    with pytest.raises(UnreadableInput, match="99"):
        read(path)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "b"}, "DUPLICATE_CASE"),
        ({"split": "dev"}, "UNKNOWN_SPLIT"),
        ({"label": "il"}, "UNKNOWN_CLASS"),
        ({"images": {}}, "NO_IMAGE"),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path, changes, code):
    with pytest.raises(UsageError) as caught:
        _one(tmp_path, **changes).check(files=False)
    assert caught.value.code == code


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnreadableInput, match=r"x/a\.png"):
        _one(tmp_path).check()


def test_the_digest_does_not_know_where_the_data_lie(tmp_path):
    manifest = _one(tmp_path)
    assert replace(manifest, root=Path("/elsewhere")).digest == manifest.digest
    assert manifest.with_cases(manifest.cases[:1]).digest != manifest.digest


def test_what_was_said_can_be_asked(tmp_path):
    region = Geometry.picture((4, 4))
    manifest = _one(tmp_path)
    assert manifest.annotation(manifest.cases[0]).label_of(region) == 0
    several = replace(manifest, cases=(replace(manifest.cases[0], label=""),), provenance={"said": "labels"})
    assert several.annotation(several.cases[0]).presence_of(region).tolist() == [False, False]
    value = replace(manifest, cases=(replace(manifest.cases[0], label="1.5"),), labels=Labels(classes=("v",)), provenance={"said": "value"})
    assert value.annotation(value.cases[0]).value_of(region) == np.float32(1.5)
    with pytest.raises(UsageError, match="NO_LABEL"):
        replace(manifest, cases=(replace(manifest.cases[0], label=""),)).annotation(replace(manifest.cases[0], label=""))


def test_where_and_split_pick_cases(tmp_path):
    manifest = _one(tmp_path)
    assert [c.id for c in manifest.where(label="ill", age="40")] == ["a"]
    assert manifest.where(age="41") == ()
    with pytest.raises(UsageError, match="did you mean train"):
        manifest.split("trian")
    with pytest.raises(UsageError, match="UNKNOWN_CASE"):
        manifest.case("zzz")


@pytest.mark.parametrize(("sep", "encoding"), [(";", "cp1252"), ("\t", "utf-16"), (",", "utf-8-sig")])
def test_a_manifest_by_hand_is_read_as_any_program_saves_it(tmp_path, sep, encoding):
    rows = (["case", "image", "label", "ort"], ["1", "ä.png", "ill", "Köln"], ["2", "b.png", "well", ""], ["", "", "", ""])
    (tmp_path / "manifest.csv").write_bytes("\r\n".join(sep.join(r) for r in rows).encode(encoding))
    found = read(tmp_path)
    assert [c.images["image"] for c in found.cases] == ["ä.png", "b.png"]
    assert found.cases[0].meta == {"ort": "Köln"}
