"""A file whose two affines disagree stops a data set, unless the user says which is meant."""

from __future__ import annotations

import pytest

from sagittal.errors import Refused, UsageError
from sagittal.phantoms.brain import brain
from sagittal.testing.series import faulty_series
from sagittal.verbs.audit import audit
from sagittal.verbs.convert import convert


@pytest.fixture(scope="module")
def torn(tear, tmp_path_factory):
    """Brains; the image and the label of one have a qform that lies 5 mm beside the sform."""
    folder = brain(tmp_path_factory.mktemp("data") / "heads", patients=6, spacing=14.0)
    for kind in ("image", "label"):
        tear(folder / f"{kind}_03.nii.gz")
    return folder


def test_it_stops_with_both_and_goes_on_when_allowed(torn, tmp_path):
    refused = audit(torn, out=tmp_path / "a", workers=1).error
    assert refused is not None
    assert (refused.code, refused.exit_code) == ("AFFINE_CONFLICT", 4)
    let = audit(torn, out=tmp_path / "b", workers=1, allow=["AFFINE_CONFLICT"])
    assert let.error is None or "AFFINE" not in str(let.error)
    assert not let.audit.unreadable
    (told,) = [f for f in let.audit.findings if f.code == "AFFINE_CONFLICT"]
    assert (told.severity, len(told.items)) == ("warn", 1)
    assert "read in spite of this" in told.what


def test_a_misspelt_code_is_told(torn, tmp_path):
    with pytest.raises(UsageError, match="AFFINE_CONFLICT"):
        audit(torn, out=tmp_path / "a", allow=["AFFINE_CONFLICTS"])


def test_a_series_with_a_gap_stops_a_data_set_and_goes_on_when_allowed(tmp_path):
    """What the refusal names as the way on is taken by the command that refuses."""
    faulty_series("f01", tmp_path / "data")
    refused = audit(tmp_path / "data", out=tmp_path / "a", workers=0, layout="dicom_tree").error
    assert refused is not None
    assert "--allow SERIES_GAP" in refused.remedy
    let = audit(tmp_path / "data", out=tmp_path / "b", workers=0, layout="dicom_tree", allow=["SERIES_GAP"])
    assert let.error is None
    assert [f.severity for f in let.audit.findings if f.code == "SERIES_GAP"] == ["warn"]


def test_a_conversion_lets_it_through_and_says_so(torn, tmp_path):
    with pytest.raises(Refused, match="AFFINE_CONFLICT"):
        convert([torn / "image_03.nii.gz"], out=tmp_path / "a")
    made = convert([torn / "image_03.nii.gz"], out=tmp_path / "b", allow=["AFFINE_CONFLICT"])
    (record,) = made.facts["volumes"]
    assert record["findings"] == [{"code": "AFFINE_CONFLICT", "allowed": True}]
