"""A tree of DICOM as a data set: which volumes are cases, whose they are, and what was said of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sagittal import io
from sagittal.data.discover import discover
from sagittal.data.layouts.dicom_tree import dicom_tree
from sagittal.errors import UsageError
from sagittal.testing.series import plain_series, write_series

MODALITY, DESCRIPTION, NUMBER = 0x00080060, 0x0008103E, 0x00200011


def scan(folder, *, patient, series, modality="MR", description="T1", number=3, stored=None, slices=4):
    tags = {
        MODALITY: modality,
        DESCRIPTION: description,
        NUMBER: number,
        0x00100020: patient,
        0x00100010: f"Doe^{patient}",
        0x0020000D: f"1.2.9.{sum(map(ord, patient))}",
        0x0020000E: f"1.2.3.{series}",
        0x00281052: None,
        0x00281053: None,
    }
    members = [one.tagged({**tags, 0x00080018: f"1.2.3.{series}.{n}"}) for n, one in enumerate(plain_series(slices=slices))]
    if stored is not None:
        members = [one.but(stored=stored[n].astype(np.uint16)) for n, one in enumerate(members)]
    return write_series(members, folder)


@pytest.fixture
def tree(tmp_path):
    mask = np.zeros((4, 24, 20))
    mask[1:3, 5:9, 5:9] = 2
    for p in range(3):
        scan(tmp_path / f"s{p}" / "a", patient=f"id{p}", series=100 + p, description="T1 post", number=3)
        scan(tmp_path / f"s{p}" / "b", patient=f"id{p}", series=200 + p, description="FLAIR", number=4)
        scan(tmp_path / f"s{p}" / "m", patient=f"id{p}", series=300 + p, description="Mask", number=9, stored=mask)
    return tmp_path


def test_every_volume_is_a_case_and_its_locator_reads_it(tree):
    found = dicom_tree(tree)
    manifest = found.manifest.check()
    assert len(manifest.cases) == 9 and manifest.said == "nothing"
    for case in manifest.cases:
        assert io.read(manifest.locate(case.images["image"])).geometry.shape == (20, 24, 4)


def test_the_patient_is_a_hash_and_nothing_else_of_the_headers_is_kept(tree):
    found = dicom_tree(tree)
    groups = [c.group for c in found.manifest.cases]
    assert len(set(groups)) == 3 and all(re.fullmatch("[0-9a-f]{12}", g) for g in groups)
    told = f"{found.sentence} {found.manifest.cases} {found.manifest.provenance}"
    assert not re.search(r"Doe|id[012]|1\.2\.3", told)


def test_volumes_are_picked_by_modality_and_description(tree):
    scan(tree / "ct", patient="id9", series=900, modality="CT", description="chest")
    assert [c.meta["modality"] for c in dicom_tree(tree, modality="ct").manifest.cases] == ["CT"]
    assert len(dicom_tree(tree, series="^flair$").manifest.cases) == 3
    with pytest.raises(UsageError, match=r"T1 post"):
        dicom_tree(tree, series="T2")
    with pytest.raises(UsageError, match="PATTERN"):
        dicom_tree(tree, series="(")


def test_several_series_of_a_study_are_channels_and_one_may_be_its_mask(tree):
    found = dicom_tree(tree, series=["T1", "FLAIR"], mask="mask", classes=["none", "tumour"])
    manifest = found.manifest.check()
    assert manifest.labels.classes == ("none", "tumour") and manifest.labels.codes == {"none": 0, "tumour": 2}
    for case in manifest.cases:
        assert list(case.images) == ["T1", "FLAIR"]
        grid = io.read(manifest.locate(case.images["T1"])).geometry
        drawn = manifest.annotation(case, like=grid).mask_of(grid)
        assert (np.asarray(drawn) == 1).sum() == 2 * 4 * 4


@pytest.mark.parametrize(
    ("column", "name"),
    [("series", "FLAIR"), ("series", "4"), ("folder", "s1"), ("folder", "s1/b"), ("file", "s1/b/01.dcm")],
)
def test_a_table_gives_labels_by_series_file_or_folder(tree, column, name):
    (tree / "labels.csv").write_text(f"{column},label\n{name},sick\nnothing,healthy\n")
    found = dicom_tree(tree, series="flair")
    labels = [c.label for c in found.manifest.cases if c.images["image"].startswith("s1")]
    assert labels == ["sick"] and found.manifest.said == "label"


@pytest.mark.parametrize(
    ("columns", "key", "by"),
    [
        ("SeriesInstanceUID,label,age", "1.2.3.201", "series"),
        ("PatientID,age,diagnosis", "id1", "patient"),
        ("Subject ID;age;final_finding", "id1", "patient"),
    ],
)
def test_columns_of_a_table_beside_may_be_called_as_hospitals_call_them(tree, columns, key, by):
    sign = ";" if ";" in columns else ","
    names = columns.split(sign)
    other = "1.2.3.200" if by == "series" else "id0"
    rows = [[key if n == names[0] else word if n in {"label", "diagnosis", "final_finding"} else age for n in names]
            for key, word, age in ((key, "sick", "61"), (other, "healthy", "55"), ("zzz", "healthy", "9"))]  # fmt: skip
    (tree / "clinical data.csv").write_text("\n".join(sign.join(r) for r in [names, *rows]) + "\n")
    found = discover(tree, options={"series": "flair"})
    assert found.layout == "dicom_tree"
    assert {c.images["image"][:2]: c.label for c in found.manifest.cases} == {"s0": "healthy", "s1": "sick", "s2": ""}
    assert f"labels from clinical data.csv ({names[-1] if by == 'patient' else 'label'} by {by}), 1 without a label" in found.sentence
    assert discover(tree).layout == "dicom_tree"


def test_the_column_of_labels_may_be_named(tree):
    (tree / "t.csv").write_text("PatientID,label,side\nid0,x,left\nid1,x,right\nid2,y,left\n")
    found = dicom_tree(tree, series="flair", label="side")
    assert [c.label for c in found.manifest.cases] == ["left", "right", "left"]
    with pytest.raises(UsageError, match=r"data.label=sides.*side"):
        dicom_tree(tree, series="flair", label="sides")


def test_series_called_after_a_mask_and_volumes_of_other_formats_are_told(tree):
    (tree / "ct.nii.gz").write_bytes(b"")
    said = dicom_tree(tree).sentence
    assert "; 1 volume of other formats (.nii.gz) left out; series called Mask may be what was drawn: --set data.mask=Mask" in said
    assert "may be what was drawn" not in dicom_tree(tree, mask="mask").sentence


def test_what_is_no_dicom_is_not_its_own(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "notes").write_text("hello")
    assert dicom_tree(tmp_path) is None
    assert dicom_tree(tmp_path / "missing") is None


def test_a_volume_that_must_not_be_used_stays_and_says_why(tree):
    next(iter(sorted((tree / "s0" / "a").iterdir())[1:2])).unlink()
    cases = dicom_tree(tree, series="T1").manifest.cases
    assert [c.meta.get("findings", "") for c in cases].count("SERIES_GAP") == 1


@pytest.mark.real_data
def test_a_real_study_with_its_mask(real_data):
    found = discover(
        real_data / "dicom_brain_tumor_progression", layout="dicom_tree", options={"series": ["T1post", "FLAIR"], "mask": "mask"}
    )
    (case,) = found.manifest.check().cases
    grid = io.read(found.manifest.locate(case.images["T1post"])).geometry
    drawn = np.asarray(found.manifest.annotation(case, like=grid).mask_of(grid))
    assert 0 < drawn.mean() < 0.2


def test_a_table_that_names_folders_of_series_labels_volumes_and_not_files_of_the_same_name(tmp_path):
    from sagittal.data.discover import discover
    from sagittal.phantoms.chest import chest

    data = chest(tmp_path / "chest", patients=2, size=16, thickness=40.0)
    found = discover(data)
    assert (found.layout, found.manifest.said) == ("dicom_tree", "label")
    assert sorted(c.label for c in found.manifest.cases) == ["no nodule", "nodule"]
    assert all(c.images["image"].startswith("dicom/") for c in found.manifest.cases), "not the lungs in truth/"
