"""Tables that name files, under whatever column names."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.data.discover import discover
from sagittal.data.layouts.any_csv import any_csv
from sagittal.errors import UnreadableInput, UsageError
from sagittal.verbs.audit import audit


@pytest.fixture
def folder(tmp_path, tree):
    return tree(tmp_path, [f"pics/{c}{i}.png" for c in "ab" for i in range(6)])


def _csv(folder, head, rows, name="table.csv", sep=","):
    (folder / name).write_text("\n".join([sep.join(head), *(sep.join(map(str, r)) for r in rows)]), encoding="utf-8")
    return folder


FILES = [f"{c}{i}" for c in "ab" for i in range(6)]


@pytest.mark.parametrize(
    ("head", "cell"),
    [
        (("file", "label", "split", "patient"), "pics/{}.png"),
        (("Image Index", "Finding Labels", "Usage", "Patient ID"), "{}.png"),
        (("fname", "dx", "partition", "subject_id"), "{}"),
        (("x", "Diagnosis", "Set", "PersonID"), "C:\\data\\pics\\{}.png"),
        (("path", "y", "fold", "mrn"), "/home/someone/pics/{}.png"),
    ],
)
def test_columns_are_found_under_any_name(folder, head, cell):
    rows = [(cell.format(f), f[0].upper(), "Training" if i % 2 else "TEST", f"00{i // 2}") for i, f in enumerate(FILES)]
    seen = any_csv(_csv(folder, head, rows))
    case = seen.manifest.case("pics/b0")
    assert (case.label, case.split, case.group) == ("B", "test", "003")
    assert seen.manifest.labels.classes == ("A", "B")
    for role, column in zip(("file", "label", "split", "patient"), head, strict=True):
        assert f"{role} = {column}" in seen.sentence
    seen.manifest.check()


@pytest.mark.parametrize(("sep", "name"), [(";", "t.csv"), ("\t", "t.tsv"), ("\t", "t.csv"), ("|", "t.csv")])
def test_any_delimiter(folder, sep, name):
    rows = [(f"pics/{f}.png", f[0]) for f in FILES]
    assert any_csv(_csv(folder, ("file", "label"), rows, name=name, sep=sep)).manifest.counts() == {"": {"a": 6, "b": 6}}


def test_a_table_without_header(folder):
    rows = [(f"pics/{f}.png", f[0]) for f in FILES]
    _csv(folder, rows[0], rows[1:])
    assert any_csv(folder).manifest.counts() == {"": {"a": 6, "b": 6}}


def test_tables_named_after_splits_are_one(folder):
    for name, part in (("train.csv", FILES[:4]), ("valid.csv", FILES[4:8]), ("Test.csv", FILES[8:])):
        _csv(folder, ("file", "label"), [(f, f[0]) for f in part], name=name)
    assert {s: len(any_csv(folder).manifest.split(s)) for s in ("train", "val", "test")} == {"train": 4, "val": 4, "test": 4}


def test_further_columns_are_metadata(folder):
    rows = [(f, f[0], "F" if i % 2 else "M", 40 + i, "north") for i, f in enumerate(FILES)]
    seen = any_csv(_csv(folder, ("file", "label", "sex", "age", "site"), rows))
    assert seen.manifest.case("pics/a1").meta == {"sex": "F", "age": "41", "site": "north"}


@pytest.mark.parametrize(("cells", "mark"), [(("oedema|effusion", "effusion"), "|"), (("oedema;effusion", "effusion"), ";")])
def test_several_findings_a_picture(folder, cells, mark):
    rows = [(f, cells[i % 2]) for i, f in enumerate(FILES)]
    seen = any_csv(_csv(folder, ("file", "findings"), rows))
    assert seen.manifest.said == "labels"
    assert seen.manifest.labels.classes == ("effusion", "oedema")
    assert seen.manifest.case("pics/a0").label == "oedema;effusion"


def test_columns_of_zeros_and_ones_are_classes(folder):
    rows = [(f, i % 2, (i + 1) % 2) for i, f in enumerate(FILES)]
    assert any_csv(_csv(folder, ("image", "MEL", "NV"), rows)).manifest.said == "label"
    rows = [(f, i % 2, int(i > 3)) for i, f in enumerate(FILES)]
    seen = any_csv(_csv(folder, ("image", "MEL", "NV"), rows))
    assert seen.manifest.said == "labels"
    assert seen.manifest.case("pics/a5").label == "MEL;NV"


def test_numbers_with_fractions_are_values(folder):
    seen = any_csv(_csv(folder, ("file", "target"), [(f, 0.5 + i) for i, f in enumerate(FILES)]))
    assert seen.manifest.said == "value"
    assert seen.manifest.labels.classes == ("target",)


def test_words_are_preferred_to_their_numbers(folder):
    rows = [(f, "ab".index(f[0]), {"a": "cyst", "b": "tumour"}[f[0]]) for f in FILES]
    assert any_csv(_csv(folder, ("file", "label", "class_name"), rows)).manifest.labels.classes == ("cyst", "tumour")


def test_two_tables_that_differ_are_ambiguous(folder):
    for name, shift in (("reader1.csv", 0), ("reader2.csv", 1)):
        _csv(folder, ("file", "label"), [(f, "xy"[(i + shift) % 2]) for i, f in enumerate(FILES)], name=name)
    with pytest.raises(UsageError, match=r"reader1.csv, reader2.csv|reader2.csv, reader1.csv") as caught:
        any_csv(folder)
    assert "data.file" in caught.value.remedy
    assert any_csv(folder, file="reader2.csv").manifest.case("pics/a0").label == "y"


def test_two_columns_that_could_be_the_label_are_ambiguous(folder):
    rows = [(f, "xy"[i % 2], "uvw"[i % 3]) for i, f in enumerate(FILES)]
    _csv(folder, ("file", "label_one", "label_two"), rows)
    with pytest.raises(UsageError, match="label_one, label_two"):
        discover(folder)
    assert any_csv(folder, label="label_two").manifest.labels.classes == ("u", "v", "w")


def test_a_misspelt_column_offers_the_nearest(folder):
    _csv(folder, ("file", "label"), [(f, f[0]) for f in FILES])
    with pytest.raises(UsageError, match="did you mean label"):
        any_csv(folder, label="lable")


def test_names_that_are_not_unique_take_their_folder_from_another_column(tmp_path, tree):
    tree(tmp_path, [f"{c}/{i}.png" for c in ("sick", "well") for i in range(4)])
    _csv(tmp_path, ("name", "label"), [(f"{i}.png", c) for c in ("sick", "well") for i in range(4)])
    assert any_csv(tmp_path).manifest.case("sick/2").label == "sick"


def test_a_table_of_something_else_is_none(folder):
    assert any_csv(_csv(folder, ("country", "value"), [("x", 1), ("y", 2)])) is None
    (folder / "table.csv").write_bytes(b"\x00\x01\x02" * 50)
    assert any_csv(folder) is None


def test_the_table_of_a_whole_set_of_which_a_part_was_fetched(folder):
    rows = [(f, f[0], "x") for f in [*FILES, *(f"c{i}" for i in range(40))]]
    seen = any_csv(_csv(folder, ("image_id", "label", "site"), rows))
    assert "52 cases, 3 classes" in seen.sentence and "40 files not there" in seen.sentence
    assert seen.manifest.case("pics/b0").label == "b"


def test_ages_do_not_name_pictures_that_are_called_by_numbers(tmp_path, tree):
    folder = tree(tmp_path, [f"pics/{i}.png" for i in range(40, 45)])
    assert any_csv(_csv(folder, ("age", "label"), [(str(i), "ab"[i % 2]) for i in range(20, 90)])) is None


def test_the_arm_of_a_study_is_no_patient(folder):
    rows = [(f, f[0], ("control", "treated")[i % 2]) for i, f in enumerate(FILES)]
    seen = any_csv(_csv(folder, ("file", "label", "group"), rows))
    assert not seen.manifest.has_groups
    assert seen.manifest.case("pics/a0").meta == {"group": "control"}


def test_coordinates_are_no_labels(folder):
    rows = [(f, "nodule" if i % 2 else "mass", i, i + 1) for i, f in enumerate(FILES)]
    assert any_csv(_csv(folder, ("Image Index", "Finding Label", "x", "y"), rows)).manifest.labels.classes == ("mass", "nodule")


def test_a_file_named_twice_is_one_case(folder):
    rows = [*((f, f[0]) for f in FILES), ("a0", "a")]
    assert len(any_csv(_csv(folder, ("file", "label"), rows)).manifest.check()) == 12
    seen = any_csv(_csv(folder, ("file", "label"), [*rows, ("a1", "b"), ("a2", "b")])).manifest.check()
    assert (seen.said, seen.case("pics/a1").label) == ("labels", "a;b")


def test_a_contradiction_is_named(tmp_path, tree):
    tree(tmp_path, [f"{i}.png" for i in range(40)])
    rows = [*((f"{i}.png", "xy"[i % 2]) for i in range(40)), ("7.png", "x")]
    with pytest.raises(UsageError, match="LABEL_CONFLICT 7"):
        any_csv(_csv(tmp_path, ("file", "label"), rows))


def test_a_column_of_micrometres_stands_in_the_locators_and_is_no_label(folder):
    rows = [(f"pics/{f}.png", 0.5 if i < 6 else ("NA", "")[i % 2]) for i, f in enumerate(FILES)]
    seen = discover(_csv(folder, ("file", "MPP"), rows))
    assert seen.manifest.said == "nothing"
    assert [c.images["image"] for c in seen.manifest.cases] == [f"pics/{f}.png" + "::mpp=0.5" * (i < 6) for i, f in enumerate(FILES)]
    assert discover(folder, options={"mpp": 2}).manifest.cases[0].images == {"image": "pics/a0.png::mpp=2"}
    _csv(folder, ("file", "MPP"), [(f"pics/{f}.png", -1) for f in FILES])
    with pytest.raises(UsageError, match="BAD_MPP"):
        discover(folder)


def test_micrometres_of_a_table_beside_folders_of_classes(tmp_path, tree):
    tree(tmp_path, [f"{c}/{c}{i}.png" for c in ("ill", "well") for i in range(4)])
    _csv(tmp_path, ("file", "label", "mpp"), [(f"{c}/{c}{i}.png", c, 0.25) for c in ("ill", "well") for i in range(4)])
    assert discover(tmp_path).manifest.cases[0].images == {"image": "ill/ill0.png::mpp=0.25"}
    assert discover(tmp_path, layout="class_folders").manifest.cases[0].images == {"image": "ill/ill0.png"}


def test_parcels_of_a_large_set_are_no_classes(tmp_path, tree):
    names = [f"ISIC_{i:07}" for i in range(12)]
    tree(tmp_path, [f"HAM10000_images_part_{1 + i // 6}/{name}.png" for i, name in enumerate(names)])
    rows = [(f"HAM_{i // 2:07}", name, ("nv", "mel")[i % 2]) for i, name in enumerate(names)]
    seen = discover(_csv(tmp_path, ("lesion_id", "image_id", "dx"), rows))
    assert "file = image_id, label = dx, patient = lesion_id" in seen.sentence


def test_a_table_and_lists_of_its_splits_are_understood_together(tmp_path, tree):
    names = [f"{i // 3:08}_{i % 3:03}.png" for i in range(18)]
    tree(tmp_path, [f"images/{name}" for name in names])
    rows = [(name, "Mass|Effusion" if i % 2 else "No Finding", i // 3) for i, name in enumerate(names)]
    _csv(tmp_path, ("Image Index", "Finding Labels", "Patient ID"), rows)
    (tmp_path / "train_val_list.txt").write_text("\n".join(names[:12]))
    (tmp_path / "test_list.txt").write_text("\n".join(names[12:]))
    seen = discover(tmp_path)
    assert seen.manifest.labels.classes == ("Effusion", "Mass", "No Finding")
    assert {s: len(seen.manifest.split(s)) for s in seen.manifest.splits} == {"train": 12, "test": 6}
    assert len({c.group for c in seen.manifest.cases}) == 6


def test_the_column_of_no_finding_is_a_class_among_others(folder):
    rows = [(f, i % 2, (i + 1) % 3 % 2, i % 3 % 2) for i, f in enumerate(FILES)]
    seen = any_csv(_csv(folder, ("path", "No Finding", "Oedema", "Effusion"), rows))
    assert seen.manifest.labels.classes == ("No Finding", "Oedema", "Effusion")


def test_a_spreadsheet_beside_pictures_is_named(folder):
    (folder / "labels.xlsx").write_bytes(b"PK\x03\x04")
    assert "labels.xlsx is not read: save it as CSV" in discover(folder).sentence
    with pytest.raises(UnreadableInput, match="save the table as CSV"):
        discover(folder / "labels.xlsx")


def test_a_cell_of_many_megabytes_is_no_table(folder):
    (folder / "t.csv").write_text("file,label\na0," + "x" * (17 << 20))
    with pytest.raises(UnreadableInput, match="no table of cells"):
        discover(folder / "t.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_of_any_program_are_read(folder, end):
    rows = ["sep=;", "Größe;datei;label;;", *(f"1,5;pics/{f}.png;{f[0]};;" for f in FILES), ";;;;"]
    (folder / "t.csv").write_bytes(end.join(rows).encode("cp1252"))
    seen = any_csv(folder)
    assert seen.manifest.counts() == {"": {"a": 6, "b": 6}}
    assert seen.manifest.case("pics/a0").meta == {"Größe": "1.5"}


def test_a_torn_table_beside_pictures_is_not_passed_over(folder):
    (folder / "t.csv").write_text("file,label,note\n" + "\n".join(f"pics/{f}.png,{f[0]},red, wet" for f in FILES))
    with pytest.raises(UnreadableInput, match=r"RAGGED.*line 2 has 4 cells, the first one 3"):
        discover(folder)


def test_true_and_false_are_two_classes_or_a_class_a_column(folder):
    one = any_csv(_csv(folder, ("file", "tumour"), [(f, f[0] == "a") for f in FILES]))
    assert (one.manifest.said, one.manifest.labels.classes, one.manifest.labels.positive) == ("label", ("False", "True"), "True")
    several = any_csv(_csv(folder, ("file", "edema", "nodule"), [(f, f[0] == "a", i % 3 == 0) for i, f in enumerate(FILES)]))
    assert (several.manifest.said, several.manifest.labels.classes) == ("labels", ("edema", "nodule"))
    assert several.manifest.case("pics/a0").label == "edema;nodule"


def test_decimal_commas_are_values_and_missing_labels_none(folder):
    cells = [f"{i},25" if i % 4 else "NA" for i in range(len(FILES))]
    seen = any_csv(_csv(folder, ("file", "target"), zip(FILES, cells, strict=True), sep=";"))
    assert seen.manifest.said == "value"
    assert [c.label for c in seen.manifest.cases[:3]] == ["", "1.25", "2.25"]
    worded = any_csv(_csv(folder, ("file", "label"), [(f, "?" if f == "a0" else f[0]) for f in FILES]))
    assert worded.manifest.labels.classes == ("a", "b")


@pytest.fixture
def grades(tmp_path):
    """Two tables and two folders of the same names, as IDRiD has them (Porwal et al., Data 3:25, 2018)."""
    rng = np.random.default_rng(0)
    for part, said, n in (
        ("a. Training Set", "a. Grading_Training Labels.csv", 12),
        ("b. Testing Set", "b. Grading_Testing Labels.csv", 8),
    ):
        folder = tmp_path / "grading/1. Original Images" / part
        folder.mkdir(parents=True)
        (tmp_path / "grading/2. Groundtruths").mkdir(exist_ok=True)
        rows = ["Image name,Retinopathy grade,Risk of macular edema ,,", *(f"R_{i:03d},{i % 4},{i % 3},," for i in range(n))]
        (tmp_path / "grading/2. Groundtruths" / said).write_text("\n".join(rows))
        for i in range(n):
            noise = rng.integers(0, 255, (3, 32, 32)).astype(np.uint8)
            io.write(Image.of(noise, Geometry.picture((32, 32))), folder / f"R_{i:03d}.png")
    return tmp_path / "grading"


def test_two_labels_in_two_tables_of_the_same_names(grades, tmp_path):
    with pytest.raises(UsageError, match="Retinopathy grade, Risk of macular edema") as caught:
        discover(grades)
    assert "--set 'data.label=Retinopathy grade', or --set 'data.label=Risk of macular edema'" in str(caught.value)
    seen = discover(grades, options={"label": "Retinopathy grade"})
    assert {s: len(seen.manifest.split(s)) for s in seen.manifest.splits} == {"train": 12, "test": 8}
    assert seen.manifest.case("1. Original Images/b. Testing Set/R_005").label == "1"
    assert "not there" not in seen.sentence
    audit(grades, out=tmp_path / "audit", sets=["data.label=Retinopathy grade"]).raise_for_exit()
