"""Class folders, however they are called and nested."""

from __future__ import annotations

import pytest

from sagittal.data._checks import _stray
from sagittal.data.discover import discover
from sagittal.data.layouts.class_folders import class_folders


def _files(*folders: str, n: int = 3) -> list[str]:
    return [f"{folder}/{i}.png" for folder in folders for i in range(n)]


def test_classes_without_splits(tmp_path, tree):
    seen = class_folders(tree(tmp_path, _files("CNV", "NORMAL")))
    assert seen.manifest.labels.classes == ("CNV", "NORMAL")
    assert seen.manifest.labels.positive == "CNV"
    assert seen.manifest.splits == ()
    assert [c.id for c in seen.manifest.where(label="CNV")] == ["CNV/0", "CNV/1", "CNV/2"]


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "validation", "Testing"),
        ("TRAIN", "valid", "test_set"),
        ("training_set", "dev", "Test images"),
    ],
)
def test_any_usual_name_of_a_split(tmp_path, tree, train, val, test):
    seen = class_folders(tree(tmp_path, _files(*(f"{s}/{c}" for s in (train, val, test) for c in "ab"))))
    assert seen.manifest.counts() == {s: {"a": 3, "b": 3} for s in ("train", "val", "test")}


def test_hidden_files_and_folders_do_not_count(tmp_path, tree, picture):
    tree(tmp_path, _files("a", "b"))
    (tmp_path / "a/.DS_Store").write_bytes(b"x")
    picture(tmp_path / "a/._0.png")
    picture(tmp_path / ".ipynb_checkpoints/x.png")
    picture(tmp_path / "__MACOSX/a/0.png")
    (tmp_path / "b/Thumbs.db").write_bytes(b"x")
    assert class_folders(tmp_path).manifest.counts() == {"": {"a": 3, "b": 3}}


def test_wrappers_are_passed_through(tmp_path, tree):
    names = _files("OCT 2017/train/images/a", "OCT 2017/train/images/b", "OCT 2017/test/a", "OCT 2017/test/b")
    assert class_folders(tree(tmp_path, names)).manifest.counts() == {"train": {"a": 3, "b": 3}, "test": {"a": 3, "b": 3}}


def test_a_split_with_one_class_keeps_it(tmp_path, tree):
    names = _files("train/a", "train/b", "test/a")
    assert class_folders(tree(tmp_path, names)).manifest.counts() == {"train": {"a": 3, "b": 3}, "test": {"a": 3, "b": 0}}


def test_splits_below_the_classes(tmp_path, tree):
    seen = class_folders(tree(tmp_path, _files("a/train", "a/test", "b/train", "b/test")))
    assert seen.manifest.counts() == {"train": {"a": 3, "b": 3}, "test": {"a": 3, "b": 3}}


def test_folders_inside_a_class_belong_to_it(tmp_path, tree):
    seen = class_folders(tree(tmp_path, _files("a/patient1", "a/patient2", "b/patient3", "b/deep/patient4")))
    assert seen.manifest.counts() == {"": {"a": 6, "b": 6}}
    assert {c.group for c in seen.manifest.cases} == {"patient1", "patient2", "patient3", "patient4"}


def test_suffixes_in_any_case(tmp_path, tree):
    seen = class_folders(tree(tmp_path, ["a/1.PNG", "a/2.JpG", "b/3.Jpeg", "b/4.TIF"]))
    assert len(seen.manifest) == 4


def test_two_files_of_one_name_get_two_ids(tmp_path, tree):
    seen = class_folders(tree(tmp_path, ["a/1.png", "a/1.jpg", "b/1.png"]))
    assert sorted(c.id for c in seen.manifest.cases) == ["a/1.jpg", "a/1.png", "b/1"]
    seen.manifest.check()


def test_the_patient_in_a_file_name_is_proposed(tmp_path, tree):
    names = [f"{c}/{c}-{patient}-{i}.jpeg" for c in ("CNV", "DME") for patient in (11, 12, 13) for i in (1, 2)]
    seen = class_folders(tree(tmp_path, names))
    assert {c.group for c in seen.manifest.cases} == {"11", "12", "13"}
    assert "fits 12 of 12 files, 3 patients" in seen.sentence
    assert "the number in the middle, as 1234 in CNV-1234-5" in seen.sentence
    assert "the number in the middle" in seen.manifest.provenance["group_rule"]


def test_a_running_number_is_no_patient(tmp_path, tree):
    seen = class_folders(tree(tmp_path, [f"{c}s/{c}.{i}.png" for c in ("cat", "dog") for i in range(9)]))
    assert not seen.manifest.has_groups


@pytest.mark.parametrize(
    "folders", [("images", "masks"), ("patient_1", "patient_2", "patient_3"), ("imagesTr", "labelsTr"), ("IBSR_01", "IBSR_02")]
)
def test_parts_of_cases_and_people_are_no_classes(tmp_path, tree, folders):
    assert class_folders(tree(tmp_path, _files(*folders))) is None


def test_pictures_beside_the_folders_are_named(tmp_path, tree):
    seen = class_folders(tree(tmp_path, [*_files("a", "b", n=20), "overview.png"]))
    assert "1 picture outside the class folders left out" in seen.sentence


def test_a_broken_group_pattern_is_a_usage_error(tmp_path, tree):
    from sagittal.errors import UsageError

    root = tree(tmp_path, _files("a", "b"))
    for wrong in ("(", r"\d+", r"nothing-(\d+)"):
        with pytest.raises(UsageError, match="GROUP_PATTERN"):
            class_folders(root, group=wrong)


def test_many_pictures_beside_the_folders_are_listed_and_the_classes_stay(tmp_path, tree):
    strays = [f"scan{i}.png" for i in range(12)]
    seen = discover(tree(tmp_path / "few", [*_files("a", "b", "c", n=6), *strays]))
    assert (seen.layout, seen.manifest.labels.classes, len(seen.manifest)) == ("class_folders", ("a", "b", "c"), 18)
    assert "12 pictures outside the class folders left out" in seen.sentence
    (told,) = _stray(seen.manifest)
    assert (told.severity, told.n, told.items[0]) == ("warn", 12, "scan0.png")
    most = discover(tree(tmp_path / "most", [*_files("a", "b", n=3), *strays]))
    assert most.layout == "pictures", "folders beside most pictures are not their classes"


def test_a_table_of_pictures_beside_folders_holds(tmp_path, tree):
    files = [*_files("a", "b", n=6), *(f"scan{i}.png" for i in range(6))]
    tree(tmp_path, files)
    (tmp_path / "t.csv").write_text("\n".join(["file,label", *(f"{f},{'xy'[i % 2]}" for i, f in enumerate(files))]))
    assert discover(tmp_path).manifest.labels.classes == ("x", "y")
