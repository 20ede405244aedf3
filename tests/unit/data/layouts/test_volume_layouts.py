"""Volumes as the public data sets have them: names, channels, patients, and what the numbers in label maps mean."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image, Labels
from sagittal.core.annotation import IGNORE
from sagittal.data.discover import discover
from sagittal.data.images import image_of
from sagittal.data.layouts._files import VOLUMES
from sagittal.data.layouts.array_pairs import array_pairs
from sagittal.data.layouts.bids import bids
from sagittal.data.layouts.brats import brats
from sagittal.data.layouts.covid_ct_seg import covid_ct_seg
from sagittal.data.layouts.decathlon import decathlon
from sagittal.data.layouts.ibsr import ibsr
from sagittal.data.layouts.image_pairs import image_pairs
from sagittal.data.layouts.iseg import iseg
from sagittal.data.layouts.ixi import ixi
from sagittal.data.layouts.mask_folders import mask_folders
from sagittal.data.layouts.mrbrains import mrbrains
from sagittal.data.layouts.nnunet import nnunet
from sagittal.data.manifest import read
from sagittal.errors import Refused, UnreadableInput, UsageError

SHAPE = (6, 7, 8)


def _volume(path, values=None, *, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    whole = rng.integers(0, 900, (channels, *SHAPE)).astype(np.int16) if values is None else np.asarray(values)[None]
    io.write(Image.of(whole, Geometry(shape=SHAPE, affine=np.eye(4), unit="mm", frame="patient")), path)


def _numbers(codes):
    """A label map that has each of these numbers."""
    return np.resize(np.array(codes, np.uint8), SHAPE)


def _mask(found, place=0):
    manifest = found.manifest
    case = manifest.cases[place]
    grid = image_of(case, manifest).geometry
    return manifest.annotation(case, like=grid).mask_of(grid)


# --- numbers with gaps -------------------------------------------------------------------------------------------


def test_the_numbers_of_iseg_are_classes_and_come_back(tmp_path):
    for i in (1, 2, 10):
        for part in ("T1", "T2"):
            _volume(tmp_path / f"subject-{i}-{part}.nii")
        _volume(tmp_path / f"subject-{i}-label.nii", _numbers((0, 10, 150, 250)))
    _volume(tmp_path / "subject-11-T1.nii")
    _volume(tmp_path / "subject-11-T2.nii")
    seen = iseg(tmp_path)
    assert [c.group for c in seen.manifest.cases] == ["subject-1", "subject-2", "subject-10"]
    assert seen.manifest.labels.classes == ("background", "CSF", "GM", "WM")
    assert np.unique(_mask(seen)).tolist() == [0, 1, 2, 3]
    assert [seen.manifest.labels.code(c) for c in seen.manifest.labels.classes] == [0, 10, 150, 250]
    assert "CSF 10, GM 150, WM 250 (answers are written with them again); 1 case without a label left out" in seen.sentence.replace(
        ", 3 patients by subject number", ""
    )
    assert image_of(seen.manifest.cases[0], seen.manifest).channels == ("T1", "T2")


def test_iseg_that_somebody_renumbered_keeps_those_numbers(tmp_path):
    for part in ("T1", "T2"):
        _volume(tmp_path / f"subject-1-{part}.nii")
    _volume(tmp_path / "subject-1-label.nii", _numbers((0, 1, 2, 3)))
    assert np.unique(_mask(iseg(tmp_path))).tolist() == [0, 1, 2, 3]


def test_label_maps_with_other_numbers_are_not_taken_for_iseg(tmp_path):
    for part in ("T1", "T2"):
        _volume(tmp_path / f"subject-1-{part}.nii")
    _volume(tmp_path / "subject-1-label.nii", _numbers((0, 10, 77, 250)))
    with pytest.raises(UsageError, match=r"LABEL_VALUES .*hold 77, and iSeg has 0, 10, 150, 250"):
        iseg(tmp_path)
    _volume(tmp_path / "subject-1-label.nii", _numbers((0, 10, 150, 250)))
    with pytest.raises(UsageError, match="iSeg has 4 classes, and there are 3 names"):
        iseg(tmp_path, classes=["a", "b", "c"])


@pytest.mark.parametrize("suffix", VOLUMES)
def test_a_volume_of_any_suffix_is_found_in_any_layout_of_volumes(suffix, tmp_path):
    itk = pytest.importorskip("SimpleITK")

    def put(name, values):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        itk.WriteImage(itk.GetImageFromArray(values), str(tmp_path / name) + suffix)

    for i in range(2):
        for part in ("T1", "T2"):
            put(f"iseg/subject-{i}-{part}", np.random.default_rng(i).integers(0, 900, SHAPE).astype(np.int16))
        put(f"iseg/subject-{i}-label", _numbers((0, 10, 150, 250)))
        for part in ("pre/FLAIR", "pre/T1"):
            put(f"mrbrains/{i}/{part}", np.random.default_rng(i).integers(0, 900, SHAPE).astype(np.int16))
        put(f"mrbrains/{i}/segm", _numbers((0, 1, 2, 3)))
        put(f"image_pairs/images/case{i}", np.random.default_rng(i).integers(0, 900, SHAPE).astype(np.int16))
        put(f"image_pairs/masks/case{i}", _numbers((0, 1)))
    for layout in ("iseg", "mrbrains", "image_pairs"):
        found = discover(tmp_path / layout)
        assert found.layout == layout
        assert len(found.manifest) == 2
        assert image_of(found.manifest.cases[1], found.manifest).read().shape[1:] == SHAPE[::-1]
        assert set(np.unique(_mask(found, 1))) >= {0, 1}


def test_the_suffixes_of_volumes_are_those_that_the_readers_know():
    assert set(VOLUMES) <= set(io.suffixes("nifti", "nrrd", "metaimage"))


@pytest.mark.parametrize("year", [18, 19, 20])
def test_label_4_of_brats_becomes_class_3_and_is_written_as_4(tmp_path, year):
    name = "BraTS20_Training_00{}" if year == 20 else f"HGG/Brats{year}_CBICA_A{{}}_1"
    for i in range(2):
        folder = name.format(i)
        for part in ("flair", "t1", "t1ce", "t2"):
            _volume(tmp_path / folder / f"{folder.rpartition('/')[2]}_{part}.nii.gz")
        _volume(tmp_path / folder / f"{folder.rpartition('/')[2]}_seg.nii.gz", _numbers((0, 1, 2, 4)))
    seen = brats(tmp_path)
    assert image_of(seen.manifest.cases[0], seen.manifest).channels == ("flair", "t1", "t1ce", "t2")
    assert np.unique(_mask(seen)).tolist() == [0, 1, 2, 3]
    assert seen.manifest.labels.code("enhancing tumour") == 4
    assert len({c.group for c in seen.manifest.cases}) == 2
    assert [c.meta for c in seen.manifest.cases] == ([{}, {}] if year == 20 else [{"grade": "HGG"}] * 2)


def test_scans_of_one_patient_of_brats_2023_are_one_group(tmp_path):
    for scan in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "BraTS-GLI-00006-000"):
        for part in ("t1n", "t1c", "t2w", "t2f"):
            _volume(tmp_path / scan / f"{scan}-{part}.nii.gz")
        _volume(tmp_path / scan / f"{scan}-seg.nii.gz", _numbers((0, 1, 2, 3)))
    seen = brats(tmp_path)
    assert [c.group for c in seen.manifest.cases] == ["BraTS-GLI-00005", "BraTS-GLI-00005", "BraTS-GLI-00006"]
    assert seen.manifest.labels.codes == {}


@pytest.mark.parametrize(("classes", "names"), [(9, 9), (4, 4), (None, 9)])
def test_mrbrains_has_nine_classes_or_four(tmp_path, classes, names):
    for i in (4, 5):
        for part in ("pre/FLAIR", "pre/reg_T1", "pre/reg_IR", "orig/T1"):
            _volume(tmp_path / f"training/{i}/{part}.nii.gz")
        _volume(tmp_path / f"training/{i}/segm.nii.gz", _numbers(range(11)))
    seen = mrbrains(tmp_path, classes=classes)
    assert image_of(seen.manifest.cases[0], seen.manifest).channels == ("FLAIR", "T1", "IR")
    assert len(seen.manifest.labels) == names
    mask, stored = _mask(seen).ravel(), _numbers(range(11)).ravel()
    assert (mask[(stored == 9) | (stored == 10)] == IGNORE).all()
    if names == 4:
        expected = {0: 0, 1: 2, 2: 2, 3: 3, 4: 3, 5: 1, 6: 1, 7: IGNORE, 8: IGNORE}
        assert all((mask[stored == number] == found).all() for number, found in expected.items())
    written = read(seen.manifest.write(tmp_path / "out"))
    assert written.labels == seen.manifest.labels


def test_mrbrains_of_2013_has_two_label_maps(tmp_path):
    for i in (1, 2):
        for part in ("T1", "T2_FLAIR", "T1_IR", "T1_1mm"):
            _volume(tmp_path / f"TrainingData/{i}/{part}.nii")
        _volume(tmp_path / f"TrainingData/{i}/LabelsForTraining.nii", _numbers(range(9)))
        _volume(tmp_path / f"TrainingData/{i}/LabelsForTesting.nii", _numbers(range(4)))
    seen = mrbrains(tmp_path)
    assert seen.manifest.cases[0].annotation.endswith("LabelsForTraining.nii")
    assert len(seen.manifest.labels) == 9
    with pytest.raises(UsageError, match="4 or 9"):
        mrbrains(tmp_path, classes=7)


# --- public layouts ----------------------------------------------------------------------------------------------


def test_brats_without_label_maps_are_scans_and_no_classes(tmp_path):
    for i in range(3):
        for part in ("t1n", "t1c", "t2w", "t2f"):
            _volume(tmp_path / f"BraTS-GLI-0000{i}-000" / f"BraTS-GLI-0000{i}-000-{part}.nii.gz")
    seen = discover(tmp_path)
    assert (seen.layout, seen.manifest.said, len(seen.manifest)) == ("brats", "nothing", 3)
    assert "channels t1c, t1n, t2f, t2w, without labels" in seen.sentence


def test_the_label_map_of_brats_2020_that_is_called_otherwise_is_found(tmp_path):
    for i in (354, 355):
        for part in ("flair", "t1", "t1ce", "t2"):
            _volume(tmp_path / f"BraTS20_Training_{i}/BraTS20_Training_{i}_{part}.nii")
    _volume(tmp_path / "BraTS20_Training_354/BraTS20_Training_354_seg.nii", _numbers((0, 1, 2, 4)))
    _volume(tmp_path / "BraTS20_Training_355/W39_1998.09.19_Segm.nii", _numbers((0, 1, 2, 4)))
    assert len(brats(tmp_path).manifest) == 2


def _decathlon(root, *, lost=0):
    for i in range(3):
        _volume(root / f"imagesTr/case_{i}.nii.gz", channels=2)
        _volume(root / f"labelsTr/case_{i}.nii.gz", _numbers((0, 1, 2)))
    _volume(root / "imagesTs/case_9.nii.gz", channels=2)
    pairs = [{"image": f"./imagesTr/case_{i}.nii.gz", "label": f"./labelsTr/case_{i}.nii.gz"} for i in range(3 + lost)]
    labels = {"0": "background", "1": "PZ", "2": "TZ"}
    record = {
        "name": "PROSTATE",
        "modality": {"0": "T2", "1": "ADC"},
        "labels": labels,
        "training": pairs,
        "test": ["./imagesTs/case_9.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(record))


def test_channels_of_decathlon_files_are_called_as_dataset_json_says(tmp_path):
    _decathlon(tmp_path, lost=1)
    seen = decathlon(tmp_path)
    assert image_of(seen.manifest.cases[0], seen.manifest).channels == ("T2", "ADC")
    assert seen.manifest.labels.classes == ("background", "PZ", "TZ")
    assert "1 test volume without labels left out; 1 of 4 listed in dataset.json are not there" in seen.sentence
    assert discover(tmp_path).layout == "decathlon"


def test_channels_of_decathlon_files_may_look_like_time(tmp_path):
    # The published files do not say that their fourth axis are channels; their list does.
    nib = pytest.importorskip("nibabel")
    _decathlon(tmp_path)
    for i in range(3):
        values = np.random.default_rng(i).integers(0, 900, (*SHAPE, 2)).astype(np.int16)
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / f"imagesTr/case_{i}.nii.gz")
    seen = decathlon(tmp_path)
    image = image_of(seen.manifest.cases[0], seen.manifest)
    assert (image.channels, image.read().shape) == (("T2", "ADC"), (2, *SHAPE))


def test_a_decathlon_list_cannot_reach_out_of_its_folder(tmp_path):
    _decathlon(tmp_path / "in")
    _volume(tmp_path / "secret.nii.gz")
    record = json.loads((tmp_path / "in/dataset.json").read_text())
    record["training"] = [{"image": "../secret.nii.gz", "label": "./labelsTr/case_0.nii.gz"}, *record["training"]]
    (tmp_path / "in/dataset.json").write_text(json.dumps(record))
    assert all("secret" not in c.images["image"] for c in decathlon(tmp_path / "in").manifest.cases)


def test_labels_without_an_image_and_images_without_a_label_are_counted(tmp_path):
    for i in (3, 4, 6, 7):
        _volume(tmp_path / f"images/hippocampus_00{i}.nii.gz")
    for i in (3, 4, 6, 1):
        _volume(tmp_path / f"labels/hippocampus_00{i}.nii.gz", _numbers((0, 1, 2)))
    seen = decathlon(tmp_path)
    assert [c.id for c in seen.manifest.cases] == ["hippocampus_003", "hippocampus_004", "hippocampus_006"]
    assert "1 case without a label left out; 1 label without an image left out" in seen.sentence


def _nnunet(root, labels):
    for split in ("Tr", "Ts"):
        for i in range(2):
            for channel in range(2):
                _volume(root / f"images{split}/liver_{i}_{channel:04}.nii.gz")
            _volume(root / f"labels{split}/liver_{i}.nii.gz", _numbers((0, 1, 3)))
    record = {"channel_names": {"0": "CT", "1": "PET"}, "labels": labels, "numTraining": 2, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(record))


def test_channels_of_nnunet_are_files_and_one_label_may_be_ignored(tmp_path):
    _nnunet(tmp_path, {"background": 0, "liver": 1, "ignore": 3})
    seen = nnunet(tmp_path)
    assert image_of(seen.manifest.cases[0], seen.manifest).channels == ("CT", "PET")
    assert [c.split for c in seen.manifest.cases] == ["test", "test", "train", "train"]
    assert np.unique(_mask(seen)).tolist() == [IGNORE, 0, 1]
    assert discover(tmp_path).layout == "nnunet"


def test_regions_of_nnunet_are_refused_in_words_until_each_number_has_a_name(tmp_path):
    _nnunet(tmp_path, {"background": 0, "whole": [1, 3], "core": 3})
    with pytest.raises(UsageError, match=r"'whole' is a region of several numbers.*--set data.classes=\[background,whole_1,core\]"):
        discover(tmp_path)
    for path in (
        *tmp_path.glob("*Ts/*"),
        *tmp_path.glob("*Ts"),
    ):  # what is left are pairs of files, of which another layout would drop a channel
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(UsageError, match="REGION_LABELS"):
        discover(tmp_path)
    seen = nnunet(tmp_path, classes=["nothing", "rim", "core"])
    assert seen.manifest.labels.classes == ("nothing", "rim", "core") and seen.manifest.labels.background == "nothing"
    assert np.unique(_mask(seen)).tolist() == [0, 1, 2]


def _bids(root):
    for sub in ("sub-01", "sub-02", "sub-03"):
        for ses in ("ses-1", "ses-2"):
            for end in ("T1w", "FLAIR", "run-2_T1w"):
                _volume(root / sub / ses / "anat" / f"{sub}_{ses}_{end}.nii.gz")
            _volume(root / f"derivatives/manual/{sub}/{ses}/anat/{sub}_{ses}_space-T1w_dseg.nii.gz", _numbers((0, 1, 2)))
    (root / "derivatives/manual/desc-x_dseg.tsv").write_text("index\tname\n0\tbackground\n1\tgrey\n2\twhite\n")
    (root / "participants.tsv").write_text("participant_id\tage\tsex\nsub-01\t31\tF\nsub-02\tn/a\tM\n")


def test_bids_sessions_know_their_subject_and_their_drawing(tmp_path):
    _bids(tmp_path)
    seen = bids(tmp_path)
    case = seen.manifest.case("sub-01/ses-2")
    assert (case.group, case.meta) == ("sub-01", {"age": "31", "sex": "F"})
    assert set(case.images) == {"T1w", "FLAIR"}
    assert "run-2" not in case.images["T1w"]
    assert seen.manifest.labels.classes == ("background", "grey", "white")
    assert "6 further runs not used" in seen.sentence
    assert discover(tmp_path).layout == "bids"


def test_series_of_many_volumes_are_no_channels_of_bids_unless_asked_for(tmp_path):
    _bids(tmp_path)
    for sub in ("sub-01", "sub-02", "sub-03"):
        for ses in ("ses-1", "ses-2"):
            _volume(tmp_path / sub / ses / "dwi" / f"{sub}_{ses}_dwi.nii.gz", channels=3)
    seen = bids(tmp_path)
    assert set(seen.manifest.cases[0].images) == {"T1w", "FLAIR"}
    assert "not used: dwi" in seen.sentence
    assert set(bids(tmp_path, images=["T1w", "dwi"]).manifest.cases[0].images) == {"T1w", "dwi"}


def test_of_several_bids_drawings_one_must_be_named(tmp_path):
    _bids(tmp_path)
    for sub in ("sub-01", "sub-02"):
        _volume(tmp_path / f"derivatives/auto/{sub}/ses-1/anat/{sub}_ses-1_dseg.nii.gz", _numbers((0, 1)))
    with pytest.raises(UsageError, match=r"AMBIGUOUS_MASK.*auto/dseg, manual/dseg"):
        bids(tmp_path)
    assert len(bids(tmp_path, annotation="auto").manifest) == 2
    assert bids(tmp_path, annotation="none").manifest.said == "nothing"


def test_ixi_has_two_grids_no_labels_and_three_hospitals(tmp_path):
    for i, site in enumerate(("Guys", "HH", "IOP")):
        for part in ("T1", "T2"):
            _volume(tmp_path / f"IXI-{part}/IXI{i:03}-{site}-08{i:02}-{part}.nii.gz")
    seen = ixi(tmp_path, images=["T2"])
    assert seen.manifest.said == "nothing"
    assert [(c.group, c.meta["site"]) for c in seen.manifest.cases] == [("IXI000", "Guys"), ("IXI001", "HH"), ("IXI002", "IOP")]
    assert image_of(seen.manifest.cases[0], seen.manifest).channels == ("T2",)
    with pytest.raises(UsageError, match="T3"):
        ixi(tmp_path, images=["T3"])


def test_covid_ct_names_its_images_and_masks_differently(tmp_path):
    for image, mask in (
        ("coronacases_org_001", "coronacases_001"),
        ("radiopaedia_org_covid-19-pneumonia-4_85506_1", "radiopaedia_4_85506_1"),
        ("radiopaedia_org_covid-19-pneumonia-10_85902_0-dcm", "radiopaedia_10_85902_0"),
    ):
        _volume(tmp_path / f"ct_scans/{image}.nii")
        for folder in ("lung_and_infection_mask", "infection_mask"):
            _volume(tmp_path / folder / f"{mask}.nii", _numbers((0, 1, 2, 3) if folder[0] == "l" else (0, 1)))
    seen = covid_ct_seg(tmp_path)
    assert len(seen.manifest) == 3
    assert seen.manifest.labels.classes == ("background", "left lung", "right lung", "infection")
    assert covid_ct_seg(tmp_path, annotation="infection").manifest.labels.classes == ("background", "infection")


def test_ibsr_of_the_repository_itself_uses_the_three_tissues(tmp_path):
    for i in (1, 2):
        for part in ("ana", "ana_strip", "segTRI_fill_ana", "seg_ana"):
            codes = range(4) if "TRI" in part else (0, 2, 41)
            _volume(tmp_path / f"IBSR_{i:02}/IBSR_{i:02}_{part}.nii.gz", _numbers(codes) if "seg" in part else None)
    case = ibsr(tmp_path).manifest.cases[0]
    assert case.images["image"].endswith("ana_strip.nii.gz")
    assert case.annotation.endswith("segTRI_fill_ana.nii.gz")


def _masks(root, name, organs):
    _volume(root / name / "ct.nii.gz")
    for place, organ in enumerate(organs):
        mask = np.zeros(SHAPE, np.uint8)
        mask[place : place + 2, 2:4, 2:4] = 1
        _volume(root / name / "segmentations" / f"{organ}.nii.gz", mask)


@pytest.mark.parametrize("name", ["{0}/{1}.nii.gz", "subject-{0}-{1}.nii", "BraTS20_Training_00{0}/BraTS20_Training_00{0}_{1}.nii"])
def test_what_nobody_drew_on_and_what_lacks_a_file_is_kept_apart(tmp_path, name):
    parts = ("flair", "t1", "t1ce", "t2") if name.startswith("BraTS") else ("T1", "T2")
    for i in range(1, 8):
        for part in parts[: -1 if i == 3 else None]:
            _volume(tmp_path / name.format(i, part))
        if i != 5:
            drawn = "label" if name.startswith("subject") else "seg"
            _volume(tmp_path / name.format(i, drawn), _numbers((0, 10) if drawn == "label" else (0, 1)))
    seen = discover(tmp_path)
    assert len(seen.manifest) == 5
    (bare,) = seen.unlabelled
    assert set(bare.images) == set(seen.manifest.cases[0].images)
    assert "5" in bare.id and not bare.annotation
    (partial,) = seen.lacking
    assert "3" in partial


def test_a_mask_a_class_in_a_folder_is_one_label_map(tmp_path):
    for name in ("s0001", "s0002", "s0003"):
        _masks(tmp_path, name, ["liver", "spleen", "aorta"][: 2 if name == "s0003" else 3])
    (tmp_path / "meta.csv").write_text("image_id;age\ns0001;40\n")
    seen = discover(tmp_path)
    assert (seen.layout, seen.manifest.labels.classes) == ("mask_folders", ("background", "aorta", "liver", "spleen"))
    assert [c.group for c in seen.manifest.cases] == ["s0001", "s0002", "s0003"]
    mask = _mask(seen)
    assert [int((mask == n).sum()) for n in range(1, 4)] == [4, 4, 8], "where masks overlap the later class lies on top"
    assert np.unique(_mask(seen, 2)).tolist() == [0, 2, 3], "a class without a mask is not drawn"
    some = mask_folders(tmp_path, classes=["spleen", "liver"])
    assert np.unique(_mask(some)).tolist() == [0, 1, 2]
    assert int((_mask(some) == 2).sum()) == 8
    with pytest.raises(UsageError, match=r"data.classes=liever.*liver"):
        mask_folders(tmp_path, classes=["liever"])


def test_masks_of_a_folder_on_different_grids_are_refused(tmp_path):
    for name in ("s1", "s2"):
        _masks(tmp_path, name, ["liver", "spleen"])
    other = Geometry(shape=SHAPE, affine=np.diag([1, 1, 2.0, 1]), unit="mm", frame="patient")
    io.write(Image.of(np.ones((1, *SHAPE), np.uint8), other), tmp_path / "s1/segmentations/spleen.nii.gz")
    seen = mask_folders(tmp_path)
    with pytest.raises(Refused, match=r"LABEL_GRID .*spleen lies on another grid"):
        _mask(seen)


# --- pairs by pattern --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "mask"),
    [
        (["{}_T1.nii.gz", "{}_T2.nii.gz"], "{}_label.nii.gz"),
        (["img/p{}-CT.nii.gz", "img/p{}-PET.nii.gz"], "mask/p{}.nii.gz"),
        (["T1/{}.nii.gz", "FLAIR/{}.nii.gz"], "labels/{}.nii.gz"),
        (["s{0}/t1.nii.gz", "s{0}/t2.nii.gz", "s{0}/flair.nii.gz"], "s{0}/seg.nii.gz"),
    ],
)
def test_images_that_differ_in_the_modality_are_one_case(tmp_path, images, mask):
    for i in range(3):
        for name in images:
            _volume(tmp_path / name.format(i))
        _volume(tmp_path / mask.format(i), _numbers((0, 1)))
    seen = discover(tmp_path)
    assert len(seen.manifest) == 3
    assert len(image_of(seen.manifest.cases[0], seen.manifest).channels) == len(images)
    assert seen.manifest.cases[1].annotation == mask.format(1)


@pytest.mark.parametrize(("images", "masks"), [("My Images", "My Labels"), ("CT", "CT masks"), ("images_nii", "labels_final")])
def test_folders_with_further_words_are_still_images_and_masks(tmp_path, images, masks):
    for i in range(4):
        _volume(tmp_path / images / f"a b {i}.nii.gz")
        _volume(tmp_path / masks / f"a b {i}.nii.gz", _numbers((0, 5, 77)))
    seen = discover(tmp_path)
    assert (seen.layout, len(seen.manifest)) == ("image_pairs", 4)


@pytest.mark.parametrize("visits", [("2019-01-03", "2020-05-06"), ("baseline", "followup"), ("MR_a1", "MR_a2")])
def test_visits_below_a_folder_a_patient_are_one_patient(tmp_path, visits):
    for i in range(5):
        for visit in visits:
            for part in ("T1", "FLAIR"):
                _volume(tmp_path / f"P {i}" / visit / f"{part}.nii.gz")
            _volume(tmp_path / f"P {i}" / visit / "seg.nii.gz", _numbers((0, 1)))
    _volume(tmp_path / "P 3" / visits[0] / "T2.nii.gz")
    seen = discover(tmp_path)
    assert [c.group for c in seen.manifest.cases] == [f"P {i}" for i in range(5) for _ in visits]
    assert "10 cases, channels flair, t1" in seen.sentence
    assert "5 patients by folder" in seen.sentence
    assert "not used: t2" in seen.sentence


def test_images_with_a_mask_each_are_cases_of_their_own(tmp_path):
    for i in range(3):
        for part in ("T1", "T2"):
            _volume(tmp_path / f"{i}_{part}.nii.gz")
            _volume(tmp_path / f"{i}_{part}_mask.nii.gz", _numbers((0, 1)))
    seen = image_pairs(tmp_path)
    assert len(seen.manifest) == 6
    assert all(set(c.images) == {"image"} for c in seen.manifest.cases)


def test_modalities_without_labels_are_cases_for_prediction(tmp_path):
    for i in range(2):
        for part in ("T1", "FLAIR"):
            _volume(tmp_path / f"new/p{i}_{part}.nii.gz")
    seen = discover(tmp_path / "new")
    assert [set(c.images) for c in seen.manifest.cases] == [{"flair", "t1"}] * 2
    for part in ("t1", "flair"):
        _volume(tmp_path / f"one/{part}.nii.gz")
    assert image_of((one := discover(tmp_path / "one").manifest).cases[0], one).channels == ("flair", "t1")


def test_npy_arrays_in_pairs(tmp_path):
    for i in range(3):
        for part, values in (("images", np.random.default_rng(i).random(SHAPE)), ("masks", _numbers((0, 1, 5)))):
            (tmp_path / part).mkdir(exist_ok=True)
            np.save(tmp_path / part / f"{i}.npy", values)
    seen = image_pairs(tmp_path)
    assert seen.manifest.labels.codes == {"background": 0, "1": 1, "5": 5}
    assert np.unique(_mask(seen)).tolist() == [0, 1, 2]
    assert seen.sentence.startswith("3 arrays with a mask each")


def _blob(n=6):
    masks = np.zeros((n, 32, 32), np.uint8)
    masks[:, 8:20, 10:24] = 4
    return masks


def test_averaged_masks_are_cut_at_a_half(tmp_path):
    masks = _blob()
    masks[:, 7, 10:24], masks[:, 20, 10:24], masks[:, 8:20, 9] = 1, 2, 3
    np.savez(tmp_path / "lungs_train.npz", images=np.random.default_rng(0).random((6, 32, 32, 1)), masks=masks[..., None])
    seen = array_pairs(tmp_path)
    assert "shares in steps of 1/4 (they were averaged): from 0.5 on a sample is foreground" in seen.sentence
    assert np.array_equal(_mask(seen), masks[0] >= 2)
    assert seen.manifest.labels.code("foreground") == 4
    assert np.array_equal(_mask(array_pairs(tmp_path, share=0.75)), masks[0] >= 3)


def test_classes_with_an_area_are_not_averaged_masks(tmp_path):
    masks = _blob()
    masks[:, 10:16, 12:20], masks[:, 22:30, 2:8], masks[:, 22:30, 20:28] = 1, 2, 3
    np.savez(tmp_path / "organs.npz", images=np.random.default_rng(0).random((6, 32, 32)), masks=masks)
    assert array_pairs(tmp_path).manifest.labels.classes == ("background", "1", "2", "3", "4")


def test_arrays_of_labels_a_picture_are_not_masks(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((3, 8, 8), np.uint8), train_labels=np.zeros((3, 1), np.uint8))
    assert array_pairs(tmp_path) is None


def test_hdf5_patches_are_cases_and_the_only_part_is_split_anew(tmp_path):
    import h5py

    with h5py.File(tmp_path / "val_patches.h5", "w") as file:
        file["images"] = np.random.default_rng(0).random((5, 1, 16, 16), dtype=np.float32)
        file["labels"] = np.pad(np.ones((5, 1, 4, 4)), ((0, 0), (0, 0), (6, 6), (6, 6)))
    seen = array_pairs(tmp_path)
    assert (len(seen.manifest), seen.manifest.splits) == (5, ())
    assert _mask(seen).sum() == 16
    grid = image_of(seen.manifest.cases[0], seen.manifest).geometry
    assert seen.manifest.annotation(seen.manifest.cases[0], like=grid).label_of(grid) == 1


def test_files_of_one_case_each(tmp_path):
    for i in range(3):
        np.savez(tmp_path / f"case{i}.npz", image=np.zeros((8, 9, 10), np.float32), label=np.full((8, 9, 10), i % 2, np.uint8))
    seen = array_pairs(tmp_path)
    assert [c.id for c in seen.manifest.cases] == ["case0", "case1", "case2"]
    assert _mask(seen, 1).all()


def test_a_broken_dataset_json_is_told(tmp_path):
    _volume(tmp_path / "imagesTr/a_0000.nii.gz")
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(UnreadableInput, match="DATASET_JSON"):
        nnunet(tmp_path)


def test_labels_remember_numbers_that_are_merged_or_ignored():
    labels = Labels(classes=("background", "GM"), codes={"background": 0, "GM": 1}, also={"GM": (2,)}, ignored=(9,))
    assert Labels.from_record(json.loads(json.dumps(labels.record()))) == labels


@pytest.mark.parametrize(
    ("name", "known"), [("sub-0{}", True), ("subject-{}", True), ("TCGA-21-578{}-01Z", True), ("case_{}", False), ("{}", False)]
)
def test_names_that_say_outright_whose_it_is_give_the_patient(tmp_path, name, known):
    for i in range(4):
        _volume(tmp_path / "images" / f"{name.format(i)}.nii.gz")
        _volume(tmp_path / "labels" / f"{name.format(i)}.nii.gz", _numbers((0, 1)))
    seen = image_pairs(tmp_path)
    assert len({c.group for c in seen.manifest.cases if c.group}) == (4 if known else 0)
