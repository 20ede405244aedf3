"""Every odd file of the corpus ends in an image or in a refusal that says why; nothing that others decode is lost."""

from __future__ import annotations

import hashlib
import time
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from sagittal.errors import SagittalError
from sagittal.io.dicom._tags import DRAWN_TAGS
from sagittal.io.dicom.header import read_header
from sagittal.io.dicom.rtstruct import read_structures
from sagittal.io.dicom.seg import read_segmentation
from sagittal.io.dicom.series import find

pytestmark = pytest.mark.real_data

MUST_FAIL = {
    "MR_truncated.dcm": "TRUNCATED",
    "rtplan_truncated.dcm": "TRUNCATED",
    # the marks that end a sequence stand where the picture's size should: three other decoders refuse it too
    "JPEG2000-embedded-sequence-delimiter.dcm": "BROKEN",
    # headers of pictures whose pixels somebody has taken out
    "chrJapMulti.dcm": "TRUNCATED",
    "chrJapMultiExplicitIR6.dcm": "TRUNCATED",
    "chrKoreanMulti.dcm": "TRUNCATED",
    # a directory, which stands for its folder: slices of several patients' series, thinned out
    "DICOMDIR": ("VARIABLE_SPACING", "TRUNCATED"),
    "no_meta.dcm": "NOT_DICOM",
}
NOT_DICOM = {".icc", ".dump", ".json", ".gz", ".md", ".txt", ".nrrd", ".zst", ""}
OTHERS_CANNOT = ("JPLL", "JPLY", "MR1_JLSL", "JPGExtended.dcm", "SC_rgb_jpeg_gdcm.dcm", "badVR.dcm", "image_dfl.dcm")
"""Read here, although pydicom with its packaged decoders cannot: 12-bit JPEG, JPEG lossless, deflated ..."""


@pytest.fixture(scope="module")
def files(real_data: Path) -> list[Path]:
    found, seen = [], set()
    for path in sorted((real_data / "dicom_corpus").rglob("*")):
        if path.is_file() and path.suffix not in {".md", ".nrrd", ".zst"} and path.name not in {"LICENSE", "README"}:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest not in seen:
                seen.add(digest)
                found.append(path)
    return found


def modality(path: Path) -> str:
    try:
        return read_header(path, tags=DRAWN_TAGS).data.text("Modality")
    except SagittalError:
        return ""


def test_each_file_is_read_or_refused_and_only_these_are_refused(files):
    read, refused, without = [], {}, []
    for path in files:
        began = time.monotonic()
        try:
            volumes = find(path)
            for volume in volumes:
                assert np.isfinite(volume.image().read()).all()
            (read if volumes else without).append(path)
        except SagittalError as error:
            refused[path] = error
            assert error.exit_code in {3, 4, 10}
        assert time.monotonic() - began < 20
    assert len(read) > 150
    for path, error in refused.items():
        # a picture archive of 50 files of which only the headers were kept
        expected = "TRUNCATED" if "TINY_ALPHA" in path.parts else MUST_FAIL.get(path.name)
        if expected is None:
            assert error.code == "NOT_DICOM", f"{path}: {error}"
            assert path.suffix in NOT_DICOM
        else:
            assert error.code in expected
    names = {p.name for p in refused}
    assert set(MUST_FAIL) <= names
    assert not [p for p in read if p.name in MUST_FAIL]
    # what has no pictures: plans, reports, waveforms, segmentations (read as annotations), presentation states ...
    assert not {modality(p) for p in without} & {"CT", "MR", "PT", "US", "CR", "DX", "XA", "NM", "RTDOSE"}


def test_what_others_decode_has_the_same_values_here(files):
    compared = 0
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                data = pydicom.dcmread(path)
                theirs = pixel_array(data)
            except Exception:
                continue
        if data.get("Modality") == "SEG" or theirs.ndim != 2 or data.get("PhotometricInterpretation") == "PALETTE COLOR":
            continue
        [volume] = find(path)
        values = volume.image().read()[0]
        ours = values if values.ndim == 2 else values[..., 0].T
        slope, intercept = float(data.get("DoseGridScaling") or data.get("RescaleSlope") or 1), float(data.get("RescaleIntercept") or 0)
        spare = 8 * theirs.dtype.itemsize - int(data.BitsStored)
        wanted = ((theirs << spare) >> spare) * slope + intercept
        padding = data.get("PixelPaddingValue") if data.get("Modality") == "CT" else None
        kept = np.ones(theirs.shape, bool) if padding is None else ours != -1024
        assert np.allclose(ours[kept], wanted[kept], rtol=1e-6, atol=0), path
        compared += 1
    assert compared > 90


def test_what_others_cannot_decode_is_read_here(files):
    for name in OTHERS_CANNOT:
        chosen = [p for p in files if name in p.as_posix()]
        assert chosen, name
        for path in chosen:
            assert find(path)[0].image().read().size


@pytest.mark.parametrize("name", ["JPLL", "JPLY", "JLSL", "JLSN", "J2KI", "J2KR", "RLE", "SC_rgb_jpeg_gdcm", "JPGExtended"])
def test_values_agree_with_itk(files, name):
    itk = pytest.importorskip("SimpleITK")
    itk.ProcessObject_SetGlobalWarningDisplay(False)
    chosen = [p for p in files if name in p.as_posix()]
    assert chosen
    for path in chosen:
        ours = find(path)[0].image().read()
        theirs = itk.GetArrayFromImage(itk.ReadImage(str(path)))
        # (1, columns, rows, 1), (1, rows, columns) or colours (3, rows, columns) against (1, rows, columns[, 3])
        flat = ours[0, ..., 0].T[None] if ours.ndim == 4 else ours
        wanted = np.moveaxis(theirs[0], -1, 0) if theirs.ndim == 4 else theirs
        assert flat.shape == wanted.shape, path
        keep = flat != -1024  # padding of CT, which is air here
        assert np.array_equal(flat[keep], wanted.astype(flat.dtype)[keep]), path


def test_segmentations_and_structure_sets_are_read_as_annotations(files):
    kinds = {path: modality(path) for path in files}
    segs = [p for p, kind in kinds.items() if kind == "SEG"]
    structures = [p for p, kind in kinds.items() if kind == "RTSTRUCT"]
    assert len(segs) >= 6
    assert len(structures) >= 3
    for path in segs:
        found = read_segmentation(path)
        assert found.segments
        assert found.image.read().any()
    for path in structures:
        assert any(s.outlines for s in read_structures(path).structures)
