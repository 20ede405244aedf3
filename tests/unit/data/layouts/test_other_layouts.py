"""Text lists, tables, arrays, pairs, outlines, subjects, plain pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sagittal.core import Image
from sagittal.core.geometry import Geometry
from sagittal.data.layouts.image_pairs import image_pairs
from sagittal.data.layouts.manifest_csv import manifest_csv
from sagittal.data.layouts.medmnist_npz import medmnist_npz
from sagittal.data.layouts.outline_pairs import outline_pairs
from sagittal.data.layouts.pictures import pictures
from sagittal.data.layouts.split_lists import split_lists
from sagittal.data.layouts.subject_folders import subject_folders
from sagittal.data.layouts.table import table
from sagittal.errors import UnreadableInput, UsageError
from sagittal.io import write


def _volume(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Image.of(values[None], Geometry(shape=values.shape, affine=np.eye(4), unit="mm", frame="patient")), path)


# --- text lists -----------------------------------------------------------------------------------------------


def test_lists_in_folders_of_classes(tmp_path, tree):
    tree(tmp_path, [f"CT_{c}/{i}.png" for c in ("COVID", "NonCOVID") for i in range(9)])
    for c in ("COVID", "NonCOVID"):
        for split, part in (("train", range(5)), ("val", range(5, 7)), ("test", range(7, 9))):
            file = tmp_path / f"Data-split/{c}/{split}CT_{c}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(f"{i}.png" for i in part) + "\n\n")
    seen = split_lists(tmp_path)
    assert seen.manifest.counts() == {s: {"COVID": n, "NonCOVID": n} for s, n in (("train", 5), ("val", 2), ("test", 2))}
    assert all(c.images["image"].startswith(f"CT_{c.label}/") for c in seen.manifest.cases)


def test_lists_with_a_column_of_classes(tmp_path, tree):
    names = [f"{i}.png" for i in range(12)]
    tree(tmp_path / "all", names)
    for name, part in (("train.txt", names[:8]), ("valid.txt", names[8:])):
        (tmp_path / name).write_text("".join(f"p{n} {n} {'sick' if int(n[:-4]) % 2 else 'well'} site\n" for n in part))
    assert split_lists(tmp_path).manifest.counts() == {"train": {"sick": 4, "well": 4}, "val": {"sick": 2, "well": 2}}


@pytest.mark.parametrize("mark", [" ", ",", ", ", "\t"])
def test_a_name_and_its_class_are_two_words_of_a_line(tmp_path, tree, mark):
    names = [f"im/{i}k.png" for i in range(12)]
    tree(tmp_path, names)
    for file, part in (("train.txt", range(8)), ("test.txt", range(8, 12))):
        (tmp_path / file).write_text("\n".join(f"{names[i]}{mark}{i % 2}" for i in part))
    assert split_lists(tmp_path).manifest.counts() == {"train": {"0": 4, "1": 4}, "test": {"0": 2, "1": 2}}


def test_lists_without_classes_say_so(tmp_path, tree):
    tree(tmp_path, [f"im/{i}k.png" for i in range(4)])
    (tmp_path / "train.txt").write_text("0k.png\n1k.png\n2k.png")
    assert "no classes" in split_lists(tmp_path).sentence


def test_lists_without_classes_take_the_folder_of_the_picture(tmp_path, tree):
    tree(tmp_path, [f"{c}/{c}{i}.png" for c in "ab" for i in range(4)])
    (tmp_path / "train_list.txt").write_text("a/a0.png\na/a1.png\nb/b0\nb/b1\n")
    (tmp_path / "test_list.txt").write_text("a2.png\nb2.png\n")
    assert split_lists(tmp_path).manifest.counts() == {"train": {"a": 2, "b": 2}, "test": {"a": 1, "b": 1}}


def test_a_picture_in_two_lists_is_refused(tmp_path, tree):
    tree(tmp_path, ["a/0.png", "b/1.png"])
    (tmp_path / "train.txt").write_text("0.png\n1.png\n")
    (tmp_path / "test.txt").write_text("1.png\n")
    with pytest.raises(UsageError, match="TWO_SPLITS"):
        split_lists(tmp_path)


def test_other_text_files_are_no_lists(tmp_path, tree):
    tree(tmp_path, ["a/0.png"])
    (tmp_path / "training_notes.txt").write_text("We trained on a Tuesday.\n")
    (tmp_path / "train.txt").write_text("epoch 1 loss .5\n")
    assert split_lists(tmp_path) is None


# --- tables ----------------------------------------------------------------------------------------------------


def test_a_table_without_header(tmp_path):
    rng = np.random.default_rng(0)
    rows = [",".join([*(f"{v:.3f}" for v in rng.random(5)), "RM"[i % 2]]) for i in range(40)]
    (tmp_path / "sonar.csv").write_text("\n".join(rows))
    seen = table(tmp_path)
    assert seen.manifest.labels.classes == ("M", "R")
    assert seen.manifest.features == ("c0", "c1", "c2", "c3", "c4")
    assert seen.manifest.cases[3].images == {"row": "sonar.csv::3"}


def test_ids_patients_and_splits_are_no_features(tmp_path):
    head = "Sample ID,patient_no,age,marker,sex,Diagnosis,set"
    rows = [
        f"S{i},{i // 2},{40 + i},{i * 0.37:.2f},{'MF'[i % 2]},{'benign' if i % 3 else 'malignant'},{'train' if i < 30 else 'test'}"
        for i in range(40)
    ]
    (tmp_path / "t.csv").write_text("\n".join([head, *rows]))
    seen = table(tmp_path / "t.csv")
    assert seen.manifest.features == ("age", "marker")
    assert seen.manifest.labels.positive == "malignant"
    assert len({c.group for c in seen.manifest.cases}) == 20
    assert seen.manifest.splits == ("train", "test")
    assert seen.manifest.cases[1].meta == {"Sample ID": "S1", "sex": "F"}


def test_the_index_that_pandas_writes_is_no_feature(tmp_path):
    (tmp_path / "t.csv").write_text(",a,b,dx\n" + "\n".join(f"{i},{i % 7}.5,{i % 3}.5,{'xy'[i // 20]}" for i in range(40)))
    seen = table(tmp_path)
    assert seen.manifest.features == ("a", "b")
    assert "not for the model: c0" in seen.sentence


def test_a_numeric_target_is_a_value(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,target\n" + "\n".join(f"{i},{i * i},{i * 1.5 + 0.25}" for i in range(40)))
    seen = table(tmp_path)
    assert seen.manifest.said == "value"
    assert seen.manifest.features == ("a", "b")
    assert seen.manifest.labels.classes == ("target",)


def test_the_last_column_is_the_label_when_nothing_else_is(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,zz\n" + "\n".join(f"{i * 0.5},{i * i},{i % 2}" for i in range(40)))
    assert table(tmp_path).manifest.labels.classes == ("0", "1")


def test_columns_of_zeros_and_ones_are_features(tmp_path):
    (tmp_path / "t.csv").write_text("smoker,male,age,outcome\n" + "\n".join(f"{i % 2},{i % 3 % 2},{i},{i % 5 % 2}" for i in range(40)))
    seen = table(tmp_path)
    assert (seen.manifest.features, seen.manifest.labels.classes) == (("smoker", "male", "age"), ("0", "1"))


def test_two_columns_of_words_are_ambiguous(tmp_path):
    (tmp_path / "t.csv").write_text("a,colour,taste\n" + "\n".join(f"{i}.5,{'rgb'[i % 3]},{'xy'[i % 2]}" for i in range(40)))
    with pytest.raises(UsageError, match="colour, taste") as caught:
        table(tmp_path)
    assert "data.label" in caught.value.remedy
    assert table(tmp_path, label="taste").manifest.labels.classes == ("x", "y")


def test_sex_is_no_label_where_the_last_column_could_be_one(tmp_path):
    (tmp_path / "t.csv").write_text("marker,sex,stroke\n" + "\n".join(f"{i}.5,{'MF'[i % 2]},{i % 3 % 2}" for i in range(40)))
    assert table(tmp_path).manifest.provenance["label_column"] == "stroke"


def test_words_and_numbers_of_classes_are_ambiguous(tmp_path):
    (tmp_path / "t.csv").write_text("marker,smoker,stroke\n" + "\n".join(f"{i}.5,{'yn'[i % 2]},{i % 3 % 2}" for i in range(40)))
    with pytest.raises(UsageError, match="smoker, stroke"):
        table(tmp_path)


def test_two_tables_are_ambiguous(tmp_path):
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("a,label\n" + "\n".join(f"{i}.5,{'xy'[i % 2]}" for i in range(20)))
    with pytest.raises(UsageError, match=r"one\.csv, two\.csv"):
        table(tmp_path)
    assert len(table(tmp_path, file="two.csv").manifest) == 20


# --- arrays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("{}_images", "{}_labels"), ("x_{}", "y_{}"), ("X_{}", "Y_{}")])
def test_arrays_a_split(tmp_path, names):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 8), ("val", 4), ("test", 4)):
        arrays[names[0].format(split)] = rng.integers(0, 255, (n, 9, 9), dtype=np.uint8)
        arrays[names[1].format(split)] = (np.arange(n) % 2)[:, None]
    np.savez(tmp_path / "pneumoniamnist_64.npz", **arrays)
    seen = medmnist_npz(tmp_path)
    assert seen.manifest.counts() == {s: {"normal": n, "pneumonia": n} for s, n in (("train", 4), ("val", 2), ("test", 2))}
    assert seen.manifest.labels.positive == "pneumonia"
    seen.manifest.check()


def test_arrays_with_several_findings(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((3, 8, 8), np.uint8), train_labels=np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]]))
    seen = medmnist_npz(tmp_path / "a.npz", classes=["x", "y", "z"])
    assert seen.manifest.said == "labels"
    assert [c.label for c in seen.manifest.cases] == ["x;z", "", "y"]


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((3, 8, 8), np.uint8), train_labels=np.zeros(2))
    with pytest.raises(UnreadableInput, match="3 pictures but 2 labels"):
        medmnist_npz(tmp_path)
    np.savez(tmp_path / "a.npz", train_images=np.zeros((3, 8, 8), np.uint8), train_labels=np.array([0.5, 1, 2]))
    with pytest.raises(UnreadableInput, match="whole numbers"):
        medmnist_npz(tmp_path)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:-30])
    assert medmnist_npz(tmp_path) is None


# --- drawings ----------------------------------------------------------------------------------------------------


def _mask(path, numbers):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((24, 20), np.uint8)
    for place, number in enumerate(numbers):
        values[place] = number
    cv2.imwrite(str(path), values)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{}.png", "masks/{}.png"),
        ("Images/{}.PNG", "Labels/{}_label.png"),
        ("train/img/{}.png", "train/mask/{}.png"),
        ("{}.png", "{}_mask.png"),
        ("tile_{}.png", "tile_{}_anno.png"),
        ("image_{}.png", "label_{}.png"),
    ],
)
def test_masks_in_any_usual_place(tmp_path, tree, image, mask):
    tree(tmp_path, [image.format(i) for i in range(4)])
    for i in range(4):
        _mask(tmp_path / mask.format(i), [255] if i else [])
    seen = image_pairs(tmp_path)
    assert seen.manifest.said == "mask"
    assert {(c.images["image"], c.annotation) for c in seen.manifest.cases} == {(image.format(i), mask.format(i)) for i in range(4)}
    assert seen.manifest.labels.classes == ("background", "foreground")
    drawn = seen.manifest.annotation(seen.manifest.cases[1], like=Geometry.picture((24, 20)))
    assert drawn.mask_of(Geometry.picture((24, 20))).max() == 1


def test_the_numbers_in_masks_are_classes(tmp_path, tree):
    tree(tmp_path, [f"images/{i}.png" for i in range(3)])
    for i in range(3):
        _mask(tmp_path / f"masks/{i}.png", [0, 10, 150])
    labels = image_pairs(tmp_path, classes=["ground", "grey matter", "white matter"]).manifest.labels
    assert (labels.code("grey matter"), labels.code("white matter")) == (10, 150)
    with pytest.raises(UsageError, match="CLASS_NAMES"):
        image_pairs(tmp_path, classes=["ground", "one"])


def test_numbered_objects_are_told_from_classes(tmp_path, tree):
    tree(tmp_path, [f"{i}.png" for i in range(4)])
    for i in range(4):
        _mask(tmp_path / f"{i}_anno.png", range(1, 8 + i))
    seen = image_pairs(tmp_path)
    drawn = seen.manifest.annotation(seen.manifest.cases[0], like=Geometry.picture((24, 20)))
    objects, _ = drawn.instances_of(Geometry.picture((24, 20)))
    assert objects.max() == 7


def test_volumes_with_labels(tmp_path):
    for i in range(4):
        _volume(tmp_path / f"image_{i}.nii.gz", np.random.default_rng(i).random((6, 7, 8), dtype=np.float32))
        _volume(tmp_path / f"label_{i}.nii.gz", np.full((6, 7, 8), i % 3, np.uint8))
    seen = image_pairs(tmp_path)
    assert [c.annotation for c in seen.manifest.cases] == [f"label_{i}.nii.gz" for i in range(4)]
    assert seen.manifest.labels.classes == ("background", "1", "2")


def test_channels_in_folders_of_subjects(tmp_path):
    for i in range(3):
        for part in ("T1", "T2", "seg"):
            _volume(tmp_path / f"train/sub-{i:02}/sub-{i:02}_{part}.nii.gz", np.full((5, 5, 5), i % 2, np.uint8))
    seen = subject_folders(tmp_path)
    case = seen.manifest.cases[0]
    assert set(case.images) == {"t1", "t2"}
    assert (case.group, case.split, case.annotation) == ("sub-00", "train", "train/sub-00/sub-00_seg.nii.gz")


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="24"><polygon fill="none" points="2,2 9,2 9,9 2,9"/></svg>'


def test_tiles_with_outlines(tmp_path, tree):
    tree(tmp_path, [f"p{i}_t.png" for i in range(4)])
    for i in range(2):
        (tmp_path / f"p{i}_t.svg").write_text(SVG)
    seen = outline_pairs(tmp_path)
    assert (seen.manifest.said, len(seen.manifest)) == ("outlines", 2)
    assert "2 tiles without a drawing left out" in seen.sentence
    told = outline_pairs(tmp_path, unmarked="background", classes=["tissue", "tumour"])
    assert len(told.manifest) == 4
    region = Geometry.picture((24, 20))
    masks = [told.manifest.annotation(c, like=region).mask_of(region) for c in told.manifest.cases]
    assert [int(m.sum()) for m in masks] == [49, 49, 0, 0]


def test_pictures_without_labels(tmp_path, tree):
    seen = pictures(tree(tmp_path, ["a.png", "sub/b.JPG", ".hidden.png"]))
    assert [c.id for c in seen.manifest.cases] == ["a", "sub/b"]
    assert pictures(tmp_path / "a.png").manifest.cases[0].images == {"image": "a.png"}


def test_our_manifest_by_hand(tmp_path, tree):
    tree(tmp_path, ["x/1.png", "x/2.png"])
    (tmp_path / "manifest.csv").write_text("case,image,label,group,age\n1,x/1.png,ill,p1,40\n2,x\\2.png,normal,p2,50\n")
    seen = manifest_csv(tmp_path)
    assert seen.manifest.labels.positive == "ill"
    assert seen.manifest.cases[1].images == {"image": "x/2.png"}
    assert seen.manifest.cases[1].meta == {"age": "50"}
    seen.manifest.check()
