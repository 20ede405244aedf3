"""Volumes to DICOM: one CT image a slice, for data that are nobody's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagittal.core import Image
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io._reader import Writer
from sagittal.io.readers._grid import LPS_TO_RAS
from sagittal.io.writers._planes import world_of

_CT = "1.2.840.10008.5.1.4.1.1.2"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_LOWEST, _HIGHEST = -1024, 3071
_DATE, _TIME = "20000101", "120000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Who and what a series says it is; nothing of it should be anybody's.

    Args:
        patient: Identifier and name.
        description: Of the series.
        body_part: As DICOM names it.
        backwards: Number the slices against their positions, as some scanners do.
    """

    patient: str = "PHANTOM"
    description: str = "synthetic"
    body_part: str = "CHEST"
    backwards: bool = False


def write_series(image: Image, folder: Path, series: Series) -> list[Path]:
    """A volume of Hounsfield units as CT images, one file a slice of the last axis; the same input gives the same bytes.

    Values are stored as 12 bits with an intercept of -1024; identifiers are made from those of the series and the grid.

    Args:
        image: One channel on three axes in mm; the first two axes at right angles.
        folder: Where the files ``0001.dcm`` ... are written; made where it is missing.
        series: What the files say.

    Returns:
        The files in the order of their numbers.

    Raises:
        UsageError: Not such a volume, or values outside of -1024 to 3071.
        StorageFailure: Disk full, read-only, not permitted.
    """
    world = LPS_TO_RAS @ world_of(image, folder)
    values = image.read()
    if len(values) != 1:
        raise UsageError("VALUE_KIND", folder, f"an image of {len(values)} channels", "write one channel")
    if values.min() < _LOWEST or values.max() > _HIGHEST:
        what = f"values from {values.min():g} to {values.max():g} are not all between {_LOWEST} and {_HIGHEST} HU"
        raise UsageError("VALUE_RANGE", folder, what, "clip them first")
    along = world[:3, :2] / np.linalg.norm(world[:3, :2], axis=0)
    if abs(float(along[:, 0] @ along[:, 1])) > 1e-4:
        raise UsageError("SHEAR", folder, "rows and columns are not at right angles", "resample it onto a right-angled grid")
    stored = (np.round(values[0]).astype(np.int32) - _LOWEST).astype("<u2")
    steps = np.linalg.norm(world[:3, :3], axis=0)
    with atomic.storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    common = _common(series, steps, along, stored.shape)
    written = []
    count = stored.shape[2]
    for number in range(count):
        k = count - 1 - number if series.backwards else number
        place = world @ [0.0, 0.0, float(k), 1.0]
        path = folder / f"{number + 1:04d}.dcm"
        with atomic.storage(path):
            _save(path, common, series, number=number + 1, place=place[:3].tolist(), pixels=stored[:, :, k].T.tobytes())
        written.append(path)
    return written


def _uid(*keys: object) -> str:
    """A UID below 2.25, made from the keys."""
    digest = hashlib.sha256("/".join(map(str, keys)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def _common(series: Series, steps: Any, along: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """What all slices say alike: patient, study, series, frame of reference, how pixels lie and what they mean."""
    who = (series.patient, series.description)
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": _CT,
        "StudyDate": _DATE,
        "SeriesDate": _DATE,
        "ContentDate": _DATE,
        "StudyTime": _TIME,
        "SeriesTime": _TIME,
        "ContentTime": _TIME,
        "AccessionNumber": "",
        "Modality": "CT",
        "Manufacturer": "Sagittal phantom",
        "ReferringPhysicianName": "",
        "SeriesDescription": series.description,
        "PatientName": f"{series.patient}^SYNTHETIC",
        "PatientID": series.patient,
        "PatientBirthDate": "",
        "PatientSex": "O",
        "BodyPartExamined": series.body_part,
        "SliceThickness": f"{steps[2]:.6g}",
        "KVP": "120",
        "PatientPosition": "HFS",
        "StudyInstanceUID": _uid("study", *who),
        "SeriesInstanceUID": _uid("series", *who),
        "StudyID": "1",
        "SeriesNumber": "1",
        "AcquisitionNumber": "1",
        "ImageOrientationPatient": [f"{v:.10g}"[:16] for v in (*along[:, 0], *along[:, 1])],
        "FrameOfReferenceUID": _uid("frame", *who),
        "PositionReferenceIndicator": "",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": shape[1],
        "Columns": shape[0],
        "PixelSpacing": [f"{steps[1]:.10g}", f"{steps[0]:.10g}"],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "WindowCenter": "40",
        "WindowWidth": "400",
        "RescaleIntercept": str(_LOWEST),
        "RescaleSlope": "1",
        "RescaleType": "HU",
    }


def _save(path: Path, common: dict[str, Any], series: Series, *, number: int, place: list[float], pixels: bytes) -> None:
    import pydicom

    uid = _uid("image", series.patient, series.description, number)
    kinds: Any = pydicom.dataset
    made = kinds.Dataset()
    made.file_meta = kinds.FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = _CT
    made.file_meta.MediaStorageSOPInstanceUID = uid
    made.file_meta.TransferSyntaxUID = _EXPLICIT_LITTLE
    for name, value in common.items():
        setattr(made, name, value)
    made.SOPInstanceUID = uid
    made.InstanceNumber = str(number)
    made.ImagePositionPatient = [f"{v:.10g}"[:16] for v in place]
    made.add_new("PixelData", "OW", pixels)
    made.save_as(path, enforce_file_format=True)


def _write(image: Image, path: Path) -> None:
    write_series(image, path, Series())


dicom = Writer(name="dicom", suffixes=(), write=_write)
