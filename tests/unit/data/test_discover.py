"""Which layout a data set has, and what is said when that is not clear."""

from __future__ import annotations

import pytest

from sagittal import io
from sagittal.data.discover import discover
from sagittal.errors import UnreadableInput, UsageError


def _classes(root, tree, n=4):
    return tree(root, [f"{c}/{c}{i}.png" for c in ("ill", "well") for i in range(n)])


def test_the_layout_that_says_more_wins(tmp_path, tree):
    _classes(tmp_path, tree)
    rows = [f"{c}/{c}{i}.png,{c},p{i // 2}" for c in ("ill", "well") for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,patient", *rows]))
    seen = discover(tmp_path)
    assert seen.layout == "any_csv"
    assert seen.manifest.has_groups


def test_the_other_fills_in_what_is_open(tmp_path, tree):
    tree(tmp_path, [f"{s}/{c}/{s}{c}{i}.png" for s in ("train", "test") for c in ("ill", "well") for i in range(4)])
    rows = [f"{s}{c}{i}.png,{s}{i},{'FM'[i % 2]}" for s in ("train", "test") for c in ("ill", "well") for i in range(4)]
    (tmp_path / "people.csv").write_text("\n".join(["file,patient_id,sex", *rows]))
    seen = discover(tmp_path)
    case = seen.manifest.case("train/ill/trainill3")
    assert (case.label, case.split, case.group, case.meta["sex"]) == ("ill", "train", "train3", "M")


def test_a_csv_that_contradicts_the_folders_is_ambiguous(tmp_path, tree):
    _classes(tmp_path, tree)
    rows = [f"{c}/{c}{i}.png,{'ill' if i % 2 else 'well'},p{i}" for c in ("ill", "well") for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,patient", *rows]))
    with pytest.raises(UsageError, match="AMBIGUOUS_LAYOUT") as caught:
        discover(tmp_path)
    assert caught.value.exit_code == 2
    assert "any_csv" in caught.value.remedy
    assert "class_folders" in caught.value.remedy
    assert discover(tmp_path, layout="class_folders").manifest.counts() == {"": {"ill": 4, "well": 4}}


def test_other_names_for_the_same_classes_agree(tmp_path, tree):
    _classes(tmp_path, tree)
    rows = [f"{c}/{c}{i}.png,{c.upper()}_X,p{i}" for c in ("ill", "well") for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,patient", *rows]))
    assert discover(tmp_path).manifest.labels.classes == ("ILL_X", "WELL_X")


def test_masks_in_folders_of_classes_are_ambiguous(tmp_path, tree):
    tree(tmp_path, [f"{c}/{c} ({i}){m}.png" for c in ("benign", "malignant") for i in range(4) for m in ("", "_mask")])
    with pytest.raises(UsageError, match="AMBIGUOUS_LAYOUT"):
        discover(tmp_path)
    assert discover(tmp_path, layout="class_folders").manifest.counts() == {"": {"benign": 4, "malignant": 4}}
    assert (
        discover(tmp_path, layout="image_pairs", options={"objects": False, "classes": [str(i) for i in range(256)]}).manifest.said
        == "mask"
    )


def test_a_guessed_label_yields_to_the_folders(tmp_path, tree):
    _classes(tmp_path, tree)
    rows = [f"{c}{i}.png,p{i},{'xy'[i % 2]}" for c in ("ill", "well") for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["file,patient,flavour", *rows]))
    assert discover(tmp_path).manifest.labels.classes == ("ill", "well")


def test_several_columns_that_could_be_the_label_are_listed(tmp_path, tree):
    tree(tmp_path, [f"{i}.png" for i in range(12)])
    (tmp_path / "t.csv").write_text("\n".join(["file,flavour,colour", *(f"{i}.png,{'xy'[i % 2]},{'rgb'[i % 3]}" for i in range(12))]))
    with pytest.raises(UsageError, match="flavour, colour"):
        discover(tmp_path)
    assert discover(tmp_path, options={"label": "colour"}).manifest.labels.classes == ("b", "g", "r")


def test_nothing_at_the_path(tmp_path):
    with pytest.raises(UnreadableInput, match="NOT_FOUND"):
        discover(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no files"):
        discover(tmp_path)
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"1 \.docx"):
        discover(tmp_path)


def test_a_misspelt_layout_or_option_offers_the_nearest(tmp_path, tree):
    _classes(tmp_path, tree)
    with pytest.raises(UsageError, match="did you mean class_folders"):
        discover(tmp_path, layout="clas_folders")
    with pytest.raises(UsageError, match="did you mean group"):
        discover(tmp_path, options={"gruop": "x"})
    with pytest.raises(UsageError, match="it could be: class_folders"):
        discover(tmp_path, layout="split_lists")


def test_the_sentence_is_in_the_provenance(tmp_path, tree):
    seen = discover(_classes(tmp_path, tree))
    assert seen.manifest.provenance["sentence"] == seen.sentence
    assert seen.manifest.provenance["layout"] == "class_folders"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "layout", "said", "n", "splits", "people"),
    [
        ("brain_tumor_mri_4class", "class_folders", "label", 520, ("train", "val"), 0),
        ("cats_dogs", "class_folders", "label", 500, ("train", "val"), 0),
        ("covid_ct", "any_csv", "label", 543, ("train", "val"), 160),
        ("oct_kermany", "any_csv", "label", 27, (), 22),
        ("pneumoniamnist", "medmnist_npz", "label", 5232, ("train", "val"), 0),
        ("sonar", "table", "label", 208, (), 0),
        ("glas", "image_pairs", "objects", 36, (), 11),
        ("ibsr18", "ibsr", "mask", 10, ("train",), 10),
        ("brats2015", "brats", "mask", 2, ("train",), 2),
        ("msd_hippocampus", "decathlon", "mask", 130, (), 0),
        ("lungs_kmader_64", "array_pairs", "mask", 213, ("train",), 0),
        ("msd_lung_patches", "array_pairs", "mask", 130, (), 0),
        ("lungs_kmader_512", "image_pairs", "mask", 10, (), 0),
    ],
)
def test_real_sets_are_what_they_are(real_data, folder, layout, said, n, splits, people):
    seen = discover(real_data / folder)
    manifest = seen.manifest.check()
    assert (seen.layout, manifest.said, len(manifest), manifest.splits) == (layout, said, n, splits)
    assert len({c.group for c in manifest.cases if c.group}) == people


def test_our_own_manifest_is_meant(tmp_path, tree):
    _classes(tmp_path, tree)
    (tmp_path / "manifest.csv").write_text("case,image,label,split\n1,ill/ill0.png,other,Training\n2,well/well0.png,more,valid\n")
    seen = discover(tmp_path)
    assert (seen.layout, seen.manifest.counts()) == ("manifest_csv", {"train": {"more": 0, "other": 1}, "val": {"more": 1, "other": 0}})


def test_options_of_one_layout_leave_the_others_to_fill_in(tmp_path, tree):
    tree(tmp_path, [f"{s}/{c}/{s}{c}{i}.png" for s in ("train", "test") for c in ("ill", "well") for i in range(4)])
    rows = [f"{s}{c}{i}.png,{'xy'[i % 2]}" for s in ("train", "test") for c in ("ill", "well") for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["file,flavour", *rows]))
    seen = discover(tmp_path, options={"label": "flavour"})
    assert seen.manifest.counts() == {"train": {"x": 4, "y": 4}, "test": {"x": 4, "y": 4}}


def test_two_tables_that_differ_are_ambiguous_even_beside_folders(tmp_path, tree):
    _classes(tmp_path, tree)
    for name, shift in (("one.csv", 0), ("two.csv", 1)):
        rows = [f"{c}/{c}{i}.png,{'xy'[(i + shift) % 2]}" for c in ("ill", "well") for i in range(4)]
        (tmp_path / name).write_text("\n".join(["file,label", *rows]))
    with pytest.raises(UsageError, match="AMBIGUOUS_TABLE"):
        discover(tmp_path)


def test_folders_decide_where_several_columns_could_be_the_label(tmp_path, tree):
    _classes(tmp_path, tree)
    rows = [f"{c}/{c}{i}.png,{'xy'[i % 2]},{'uvw'[i % 3]},p{i}" for c in ("ill", "well") for i in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label_one,label_two,patient", *rows]))
    seen = discover(tmp_path)
    assert seen.manifest.counts() == {"": {"ill": 4, "well": 4}}
    assert seen.manifest.has_groups


def test_micrometres_that_the_user_states_stand_in_the_locators_of_slides_and_pictures(tmp_path):
    from sagittal.phantoms.slide import slide
    from sagittal.phantoms.tiles import tiles

    slide(tmp_path / "bare", patients=2, size=(512, 512), mpp=None)
    found = discover(tmp_path / "bare", options={"mpp": 0.5})
    assert [c.images["image"] for c in found.manifest.cases] == [f"patient-0{n}_slide-1.tif::mpp=0.5" for n in (1, 2)]
    assert found.manifest.check().provenance["mpp"] == 0.5
    for wrong in (0, -1, True, "x"):
        with pytest.raises(UsageError, match=r"data\.mpp"):
            discover(tmp_path / "bare", options={"mpp": wrong})
    tiles(tmp_path / "tiles", patients=1, each=1, size=(128, 128))
    [tile] = discover(tmp_path / "tiles", options={"mpp": 0.5}).manifest.cases
    assert io.read(f"{tmp_path}/tiles/{tile.images['image']}").geometry.spacing == (0.5, 0.5)
    (tmp_path / "t.csv").write_text("a,b,label\n1,2,x\n2,3,y\n3,4,x\n4,5,y\n")
    with pytest.raises(UsageError, match="no image here is a slide or a picture"):
        discover(tmp_path / "t.csv", options={"mpp": 0.5})
