"""A file whose two affines disagree stops a data set, unless the user says which is meant."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from sagittal.errors import UsageError
from sagittal.phantoms.brain import brain
from sagittal.verbs.audit import audit


@pytest.fixture(scope="module")
def torn(tmp_path_factory):
    """Brains; the image and the label of one have a qform that lies 5 mm beside the sform."""
    folder = brain(tmp_path_factory.mktemp("data") / "heads", patients=6, spacing=14.0)
    for kind in ("image", "label"):
        path = folder / f"{kind}_03.nii.gz"
        made = nibabel.load(path)
        made = nibabel.Nifti1Image(np.asarray(made.dataobj), made.affine, made.header)
        moved = made.affine.copy()
        moved[0, 3] += 5
        made.set_qform(moved, code=1)
        nibabel.save(made, path)
    return folder


def test_it_stops_with_both_and_goes_on_when_allowed(torn, tmp_path):
    refused = audit(torn, out=tmp_path / "a", workers=1).error
    assert refused is not None
    assert (refused.code, refused.exit_code) == ("AFFINE_CONFLICT", 4)
    let = audit(torn, out=tmp_path / "b", workers=1, allow=["AFFINE_CONFLICT"])
    assert let.error is None or "AFFINE" not in str(let.error)
    assert not let.audit.unreadable


def test_a_misspelt_code_is_told(torn, tmp_path):
    with pytest.raises(UsageError, match="AFFINE_CONFLICT"):
        audit(torn, out=tmp_path / "a", allow=["AFFINE_CONFLICTS"])
