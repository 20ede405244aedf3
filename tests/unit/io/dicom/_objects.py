"""DICOM objects for the tests, written with pydicom: what a vendor's export looks like, small."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

SERIES = generate_uid(entropy_srcs=["series"])
STUDY = generate_uid(entropy_srcs=["study"])


def blank(stored: np.ndarray, *, modality: str = "MR", syntax: str = ExplicitVRLittleEndian) -> FileDataset:
    """Pixels ``(rows, columns)``, or ``(frames, rows, columns)``, and what every image must say."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    big, implicit = syntax == ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    d = FileDataset("", {}, file_meta=meta, preamble=bytes(128), is_implicit_VR=implicit, is_little_endian=not big)
    meta.MediaStorageSOPClassUID = d.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID = generate_uid()
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = STUDY, SERIES, STUDY
    d.Modality, d.SeriesNumber, d.SeriesDescription, d.PatientID, d.PatientName = modality, 5, "test", "4711", "Doe^Jane"
    d.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        d.NumberOfFrames = stored.shape[0]
    bits = stored.dtype.itemsize * 8
    d.BitsAllocated = d.BitsStored = bits
    d.HighBit, d.PixelRepresentation = bits - 1, int(stored.dtype.kind == "i")
    d.PixelData = stored.tobytes()
    d["PixelData"].VR = "OW" if bits > 8 else "OB"
    return d


def placed(d: Dataset, position, *, orientation=(1, 0, 0, 0, 1, 0), spacing=(2.0, 3.0)) -> Dataset:
    """The same with a place in the patient."""
    d.ImagePositionPatient, d.ImageOrientationPatient, d.PixelSpacing = list(position), list(orientation), list(spacing)
    return d


def saved(d: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    d.save_as(path, enforce_file_format=True)
    return path


def enhanced(stored: np.ndarray, frames: list[dict], *, shared: dict | None = None) -> FileDataset:
    """An enhanced multi-frame MR; each frame has ``position`` and may have ``slope``, ``time``, ``echo``, ``b``, ``type``."""
    d = blank(stored)
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    group = Dataset()
    given = {"orientation": (1, 0, 0, 0, 1, 0), "spacing": (2.0, 3.0), **(shared or {})}
    group.PlaneOrientationSequence = Sequence([_made(ImageOrientationPatient=list(given["orientation"]))])
    group.PixelMeasuresSequence = Sequence([_made(PixelSpacing=list(given["spacing"]), SliceThickness=4.0)])
    d.SharedFunctionalGroupsSequence = Sequence([group])
    items = []
    for frame in frames:
        item = Dataset()
        item.PlanePositionSequence = Sequence([_made(ImagePositionPatient=list(frame["position"]))])
        content = _made(TemporalPositionIndex=frame["time"]) if "time" in frame else Dataset()
        item.FrameContentSequence = Sequence([content])
        slope, intercept = frame.get("slope", (1.0, 0.0))
        item.PixelValueTransformationSequence = Sequence([_made(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")])
        if "echo" in frame:
            item.MREchoSequence = Sequence([_made(EffectiveEchoTime=frame["echo"])])
        if "b" in frame:
            item.MRDiffusionSequence = Sequence([_made(DiffusionBValue=frame["b"])])
        if "type" in frame:
            item.MRImageFrameTypeSequence = Sequence([_made(FrameType=["ORIGINAL", "PRIMARY", *frame["type"]])])
        items.append(item)
    d.PerFrameFunctionalGroupsSequence = Sequence(items)
    return d


def tiled(volume: np.ndarray, across: int, down: int) -> np.ndarray:
    """Slices ``(n, rows, columns)`` side by side."""
    n, rows, columns = volume.shape
    made = np.zeros((rows * down, columns * across), volume.dtype)
    for k in range(n):
        r, c = rows * (k // across), columns * (k % across)
        made[r : r + rows, c : c + columns] = volume[k]
    return made


def csa(**values: list) -> bytes:
    """Siemens' header of the second kind, with the fields that are given."""
    made = b"SV10" + b"\4\3\2\1" + struct.pack("<II", len(values), 77)
    for name, items in values.items():
        made += struct.pack("<64si4siii", name.encode(), len(items), b"FD\0\0", 3, len(items), 77)
        for item in items:
            data = f"{item}".encode() + b"\0"
            made += struct.pack("<4i", len(data), len(data), 77, len(data)) + data + bytes(-len(data) % 4)
    return made


def _made(**elements: object) -> Dataset:
    d = Dataset()
    for name, value in elements.items():
        setattr(d, name, value)
    return d
