"""Series as the scanners of five vendors export them, small: what stands in which tag, in the words of each vendor.

Sources: the vendors' conformance statements as far as they are public, PS3.3, and the documentation of dcm2niix and nibabel.
Every voxel of a series has a value of its own, so that a slice at a wrong place is seen.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

if "dicom_objects" not in sys.modules:  # the sibling, which is in no package
    _spec = importlib.util.spec_from_file_location("dicom_objects", Path(__file__).parent / "_objects.py")
    sys.modules["dicom_objects"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["dicom_objects"])
objects = sys.modules["dicom_objects"]

ROWS, COLUMNS = 10, 14
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
MAKERS: dict[str, Callable[[], list[Dataset]]] = {}


def vendor(make: Callable[[], list[Dataset]]) -> Callable[[], list[Dataset]]:
    """Puts a series on the list under its name."""
    MAKERS[make.__name__] = make
    return make


def written(name: str, folder: Path) -> Path:
    """The files of a series, under names whose order says nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, d in enumerate(MAKERS[name]()):
        objects.saved(d, folder / f"{(n * 7919) % 10007:05d}.dcm")
    return folder


def values(n: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """The n-th slice: numbers that no other slice of up to 200 has."""
    return (np.arange(rows * columns).reshape(rows, columns) + n * rows * columns + 1).astype(np.uint16)


def turned(degrees: float, about: tuple[float, ...] = AXIAL) -> tuple[float, ...]:
    """Directions tilted about the left-right axis, rounded as headers round."""
    a = np.deg2rad(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return tuple(round(float(v), 8) for v in np.concatenate([turn @ about[:3], turn @ about[3:]]))


def a_slice(maker: str, n: int, k: float, *, directions: tuple[float, ...] = AXIAL, step: float = 4.4, **changes: object) -> Dataset:
    """One file of a classic series: the n-th written, at place k."""
    normal = np.cross(directions[:3], directions[3:])
    d = objects.placed(objects.blank(values(n)), np.round(np.array([-20.5, -13.25, 7.0]) + normal * k * step, 6), orientation=directions)
    filled(d, maker)
    d.InstanceNumber, d.SliceThickness, d.SpacingBetweenSlices = n + 1, 4.0, step
    d.SliceLocation = round(k * step, 4)
    for name, value in changes.items():
        setattr(d, name, value)
    return d


def filled(d: Dataset, maker: str) -> None:
    """What every MR image says."""
    d.Manufacturer, d.PatientPosition, d.SeriesNumber = maker, "HFS", 5
    d.MagneticFieldStrength, d.RepetitionTime, d.EchoTime, d.FlipAngle, d.MRAcquisitionType = 3, 2000, 30, 77, "2D"
    d.ScanningSequence, d.SequenceVariant, d.InPlanePhaseEncodingDirection = "EP", "SK", "COL"
    d.AcquisitionNumber, d.EchoNumbers, d.StudyDate, d.StudyTime = 1, 1, "20200101", "120000"
    d.AcquisitionTime, d.ContentTime, d.SeriesTime = "120001.5", "120002.5", "120001"
    d.BitsStored, d.HighBit = 12, 11
    d.SeriesDescription = d.ProtocolName = "test"


def element(d: Dataset, group: int, creator: str, number: int, vr: str, value: object) -> None:
    """A private element in the block of its creator."""
    d.private_block(group, creator, create=True).add_new(number, vr, value)


# Siemens


def mosaic(
    n: int, count: int, *, b: int | None = None, direction: tuple[float, ...] | None = None, down: bool = False, image: str = "M"
) -> Dataset:
    """The n-th volume of a series of mosaics; ``down``: images are numbered from head to foot."""
    across = int(np.ceil(np.sqrt(count)))
    tiles = np.stack([values(n * count + k, 8, 12) for k in range(count)])
    d = objects.blank(objects.tiled(tiles, across, across))
    directions, spacing, step = turned(-11.0), (3.0, 2.0), 4.4
    normal = np.cross(directions[:3], directions[3:])
    first = np.array([-11.0, -31.5, 40.0])
    over = np.array(directions[:3]) * spacing[1] * 12 * (across - 1) / 2 + np.array(directions[3:]) * spacing[0] * 8 * (across - 1) / 2
    objects.placed(d, np.round(first - over, 6), orientation=directions, spacing=spacing)
    filled(d, "SIEMENS")
    d.ImageType = (
        ["ORIGINAL", "PRIMARY", image, "ND", "MOSAIC"] if b is None else ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND", "MOSAIC"]
    )
    d.InstanceNumber = d.AcquisitionNumber = n + 1
    d.SpacingBetweenSlices, d.SliceThickness, d.ManufacturerModelName = step, 4.0, "TrioTim"
    d.SoftwareVersions = "syngo MR B17"
    d.AcquisitionMatrix = [0, 12, 8, 0]
    element(d, 0x0019, "SIEMENS MR HEADER", 0x0A, "US", count)
    told = {
        "NumberOfImagesInMosaic": [count],
        "SliceNormalVector": list((-normal if down else normal).round(8)),
        "ProtocolSliceNumber": [0],
    }
    if b is not None:
        element(d, 0x0019, "SIEMENS MR HEADER", 0x0C, "IS", b)
        told["B_value"] = [b]
        if direction is not None:
            element(d, 0x0019, "SIEMENS MR HEADER", 0x0E, "FD", list(direction))
            told["DiffusionGradientDirection"] = list(direction)
    element(d, 0x0029, "SIEMENS CSA HEADER", 0x08, "CS", "IMAGE NUM 4")
    element(d, 0x0029, "SIEMENS CSA HEADER", 0x10, "OB", objects.csa(**told))
    return d


DIRECTIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.6, 0.0, 0.8))


@vendor
def siemens_mosaic_bold() -> list[Dataset]:
    return [mosaic(n, 7) for n in range(5)]


@vendor
def siemens_mosaic_down() -> list[Dataset]:
    return [mosaic(n, 9, down=True) for n in range(3)]


@vendor
def siemens_mosaic_diffusion() -> list[Dataset]:
    table = [(0, None), (1000, DIRECTIONS[0]), (1000, DIRECTIONS[1]), (0, None), (1000, DIRECTIONS[2]), (2000, DIRECTIONS[0])]
    return [mosaic(n, 5, b=b, direction=v) for n, (b, v) in enumerate(table)]


@vendor
def siemens_mosaic_phase() -> list[Dataset]:
    return [mosaic(n, 5, image="M" if n % 2 == 0 else "P") for n in range(4)]


@vendor
def siemens_field_map() -> list[Dataset]:
    """Two echoes, each with magnitude; interleaved slices, oblique."""
    order = (0, 2, 4, 1, 3)
    return [
        a_slice(
            "SIEMENS",
            5 * e + n,
            k,
            directions=turned(17.3),
            EchoTime=te,
            EchoNumbers=e + 1,
            ImageType=["ORIGINAL", "PRIMARY", "M", "ND"],
        )
        for e, te in enumerate((4.92, 7.38))
        for n, k in enumerate(order)
    ]


@vendor
def siemens_magnitude_phase() -> list[Dataset]:
    return [
        a_slice("SIEMENS", 4 * n + k, k, directions=CORONAL, ImageType=["ORIGINAL", "PRIMARY", kind, "ND"])
        for n, kind in enumerate("MP")
        for k in range(4)
    ]


@vendor
def siemens_normalised_pair() -> list[Dataset]:
    return [
        a_slice("SIEMENS", 4 * n + k, k, ImageType=["ORIGINAL", "PRIMARY", "M", *kind])
        for n, kind in enumerate((["ND"], ["NORM", "DIS2D"]))
        for k in range(4)
    ]


@vendor
def siemens_localiser() -> list[Dataset]:
    return [
        a_slice("SIEMENS", 3 * n + k, k, step=20.0, directions=directions, ImageType=["ORIGINAL", "PRIMARY", "M", "NORM"])
        for n, directions in enumerate((AXIAL, CORONAL, SAGITTAL))
        for k in range(3)
    ]


@vendor
def siemens_cine() -> list[Dataset]:
    """A slice at a time: four heart phases of each, by Trigger Time."""
    return [a_slice("SIEMENS", 4 * k + p, k, TriggerTime=30.0 * p + k, CardiacNumberOfImages=4) for k in range(3) for p in range(4)]


@vendor
def siemens_repeats() -> list[Dataset]:
    """Acquisitions of the same slices, which only Acquisition Number and time tell apart."""
    return [a_slice("SIEMENS", 4 * t + k, k, AcquisitionNumber=t + 1, AcquisitionTime=f"1200{t:02d}.5") for t in range(3) for k in range(4)]


@vendor
def siemens_interoperability() -> list[Dataset]:
    """XA, one slice a file: neither a CSA header nor a number of the time point."""
    made = []
    for t in range(3):
        for k in range(4):
            d = a_slice("SIEMENS", 4 * t + k, 3 - k, directions=turned(-8.0), ImageType=["ORIGINAL", "PRIMARY", "FMRI", "NONE"])
            d.ManufacturerModelName, d.SoftwareVersions = "MAGNETOM Vida", "syngo MR XA20"
            d.AcquisitionNumber = t + 1
            made.append(d)
    return made


def xa(frames: list[dict], n: int = 0, kind: tuple[str, ...] = ("FMRI", "NONE")) -> Dataset:
    """An enhanced file as XA writes them."""
    count = len(frames)
    d = objects.enhanced(
        np.stack([values(n * count + f) for f in range(count)]), frames, shared={"orientation": turned(12.0), "spacing": (2.5, 2.0)}
    )
    filled(d, "SIEMENS")
    d.ImageType = ["ORIGINAL", "PRIMARY", *kind]
    d.InstanceNumber, d.ManufacturerModelName, d.SoftwareVersions = n + 1, "MAGNETOM Vida", "syngo MR XA30"
    for f, item in enumerate(d.PerFrameFunctionalGroupsSequence):
        content = item.FrameContentSequence[0]
        content.StackID, content.InStackPositionNumber = "1", round(frames[f].get("k", 0)) + 1
        content.FrameAcquisitionNumber = n + 1
    return d


def along(k: float, step: float = 3.3, directions: tuple[float, ...] = turned(12.0)) -> tuple[float, ...]:
    """The position of the k-th slice."""
    return tuple(np.round(np.array([-14.0, -12.0, 3.0]) + np.cross(directions[:3], directions[3:]) * k * step, 6))


@vendor
def siemens_xa_bold() -> list[Dataset]:
    """A file a time point."""
    return [xa([{"position": along(k), "k": k, "time": t + 1, "type": ["FMRI", "NONE"]} for k in range(4)], t) for t in range(3)]


@vendor
def siemens_xa_diffusion() -> list[Dataset]:
    made = []
    for n, (b, v) in enumerate([(0.0, None), (1000.0, DIRECTIONS[0]), (1000.0, DIRECTIONS[2]), (0.0, None)]):
        d = xa([{"position": along(k), "k": k, "b": b, "type": ["DIFFUSION", "NONE"]} for k in range(4)], n, ("DIFFUSION", "NONE"))
        for item in d.PerFrameFunctionalGroupsSequence:
            diffusion = item.MRDiffusionSequence[0]
            diffusion.DiffusionDirectionality = "NONE" if v is None else "DIRECTIONAL"
            if v is not None:
                gradient = Dataset()
                gradient.DiffusionGradientOrientation = list(v)
                diffusion.DiffusionGradientDirectionSequence = Sequence([gradient])
        made.append(d)
    return made


@vendor
def siemens_xa_two_echoes_together() -> list[Dataset]:
    """Magnitude and phase of two echoes in one file, frames in no useful order."""
    frames = [
        {"position": along(k), "k": k, "echo": te, "type": [kind, "NONE"]} for k in (2, 0, 1) for te in (7.38, 4.92) for kind in ("P", "M")
    ]
    d = xa(frames, 0, ("M", "NONE"))
    for frame, item in zip(frames, d.PerFrameFunctionalGroupsSequence, strict=True):
        item.MRImageFrameTypeSequence[0].ComplexImageComponent = {"M": "MAGNITUDE", "P": "PHASE"}[frame["type"][0]]
    return [d]


# GE


def ge(n: int, k: float, count: int, **changes: object) -> Dataset:
    d = a_slice("GE MEDICAL SYSTEMS", n, k, ImageType=["ORIGINAL", "PRIMARY", "OTHER"], **changes)
    d.ManufacturerModelName, d.BitsStored, d.HighBit, d.PixelRepresentation = "DISCOVERY MR750", 16, 15, 1
    element(d, 0x0021, "GEMS_RELA_01", 0x4F, "SS", count)
    return d


@vendor
def ge_bold() -> list[Dataset]:
    """Interleaved; Trigger Time is that of each slice, Temporal Position Identifier that of the volume."""
    made = []
    for t in range(3):
        for n, k in enumerate((0, 2, 4, 1, 3)):
            made.append(
                ge(5 * t + k, k, 5, TemporalPositionIdentifier=t + 1, NumberOfTemporalPositions=3, TriggerTime=2000.0 * t + 100 * n + 0.25)
            )
    return made


@vendor
def ge_bold_without_temporal_position() -> list[Dataset]:
    """By Instance Number alone; trigger times that jump about, as with a pulse trigger."""
    jumps = (811.0, 40.0, 500.0, 12.0, 999.0, 3.0, 77.0, 640.0, 20.0, 300.0, 8.0, 123.0)
    return [ge(4 * t + k, k, 4, TriggerTime=jumps[(7 * (4 * t + k)) % 12]) for t in range(3) for k in range(4)]


@vendor
def ge_multi_echo() -> list[Dataset]:
    """Echoes of each slice follow each other."""
    return [ge(3 * k + e, k, 4, EchoTime=te, EchoNumbers=e + 1) for k in range(4) for e, te in enumerate((2.1, 4.356, 6.612))]


@vendor
def ge_diffusion() -> list[Dataset]:
    made = []
    table = [(0, None), (0, None), (1000, DIRECTIONS[0]), (1000, DIRECTIONS[1]), (1000, DIRECTIONS[2])]
    for t, (b, v) in enumerate(table):
        for k in range(4):
            d = ge(4 * t + k, k, 4)
            element(d, 0x0043, "GEMS_PARM_01", 0x39, "IS", [b + (1000000000 if b else 0), 8, 0, 0])
            for axis, number in enumerate((0xBB, 0xBC, 0xBD)):
                element(d, 0x0019, "GEMS_ACQU_01", number, "DS", v[axis] if v else 0.0)
            made.append(d)
    return made


@vendor
def ge_complex() -> list[Dataset]:
    """Magnitude, phase, real and imaginary of each slice, told by a private tag alone."""
    made = []
    for k in range(3):
        for kind in range(4):
            d = ge(4 * k + kind, k, 3)
            element(d, 0x0043, "GEMS_PARM_01", 0x2F, "SS", kind)
            made.append(d)
    return made


@vendor
def ge_rounded_sagittal() -> list[Dataset]:
    """Positions and directions with the noise of rounding to three and six places."""
    rng = np.random.default_rng(3)
    made = []
    for k in range(8):
        d = ge(k, k, 8, directions=SAGITTAL, step=1.2)
        d.ImagePositionPatient = [round(float(p + rng.uniform(-4e-3, 4e-3)), 4) for p in d.ImagePositionPatient]
        d.ImageOrientationPatient = [float(v + rng.uniform(-1e-5, 1e-5)) for v in d.ImageOrientationPatient]
        made.append(d)
    return made


# Philips


def philips(n: int, k: float, count: int, *, kind: str = "M", slope: float = 2.5, intercept: float = 0.0, **changes: object) -> Dataset:
    words = {"M": "M_FFE", "P": "PHASE MAP", "R": "R_FFE", "I": "I_FFE"}[kind]
    d = a_slice("Philips Medical Systems", n, k, ImageType=["ORIGINAL", "PRIMARY", words, kind, "FFE"], **changes)
    d.RescaleSlope, d.RescaleIntercept, d.RescaleType = slope, intercept, "normalized"
    d.ManufacturerModelName = "Achieva"
    element(d, 0x2001, "Philips Imaging DD 001", 0x18, "SL", count)
    element(d, 0x2001, "Philips Imaging DD 001", 0x0A, "IS", int(k) + 1)
    element(d, 0x2005, "Philips MR Imaging DD 001", 0x11, "CS", kind)
    element(d, 0x2005, "Philips MR Imaging DD 001", 0x0E, "FL", 0.0125)
    return d


@vendor
def philips_dynamics() -> list[Dataset]:
    return [philips(3 * t + k, k, 3, TemporalPositionIdentifier=t + 1, NumberOfTemporalPositions=4) for k in range(3) for t in range(4)]


@vendor
def philips_echoes_and_phase() -> list[Dataset]:
    """Two echoes of magnitude and phase in one series, each kind with its own scale."""
    scale = {"M": (1.5, 0.0), "P": (1.53479853, -3142.0)}
    made = []
    for e, te in enumerate((4.6, 6.9)):
        for kind in "MP":
            for k in range(3):
                slope, intercept = scale[kind]
                made.append(philips(len(made), k, 3, kind=kind, slope=slope, intercept=intercept, EchoTime=te, EchoNumbers=e + 1))
    return made


@vendor
def philips_diffusion() -> list[Dataset]:
    """Public and private tags of diffusion; an isotropic mean at the end."""
    made = []
    table = [(0.0, (0.0, 0.0, 0.0)), (800.0, DIRECTIONS[0]), (800.0, DIRECTIONS[1]), (800.0, DIRECTIONS[2])]
    for k in range(3):
        for t, (b, v) in enumerate(table):
            d = philips(4 * k + t, k, 3)
            d.DiffusionBValue, d.DiffusionGradientOrientation = b, list(v)
            element(d, 0x2001, "Philips Imaging DD 001", 0x03, "FL", b)
            element(d, 0x2001, "Philips Imaging DD 001", 0x04, "CS", "S" if b else "N")
            for axis in range(3):
                element(d, 0x2005, "Philips MR Imaging DD 001", 0xB0 + axis, "FL", v[axis])
            made.append(d)
    return made


@vendor
def philips_unfinished_dynamics() -> list[Dataset]:
    """Broken off in the fourth volume."""
    return [philips(3 * t + k, k, 3, TemporalPositionIdentifier=t + 1) for t in range(4) for k in range(3)][:-2]


def philips_enhanced(frames: list[dict], slope: tuple[float, float] = (2.5, 0.0)) -> Dataset:
    d = objects.enhanced(
        np.stack([values(f) for f in range(len(frames))]), [{"slope": slope, **f} for f in frames], shared={"orientation": turned(9.0)}
    )
    filled(d, "Philips Medical Systems")
    d.ImageType, d.InstanceNumber = ["ORIGINAL", "PRIMARY", "M", "NONE"], 1
    element(d, 0x2001, "Philips Imaging DD 001", 0x18, "SL", len({f["k"] for f in frames}))
    for frame, item in zip(frames, d.PerFrameFunctionalGroupsSequence, strict=True):
        content = item.FrameContentSequence[0]
        content.StackID, content.InStackPositionNumber = "1", frame["k"] + 1
        content.DimensionIndexValues = [1, frame["k"] + 1, *frame.get("index", ())]
        own = Dataset()
        element(own, 0x2005, "Philips MR Imaging DD 001", 0x0E, "FL", 0.0125)
        item.add_new(0x20050014, "LO", "Philips MR Imaging DD 005")
        item.add_new(0x2005140F, "SQ", Sequence([own]))
    return d


def philips_along(k: float) -> tuple[float, ...]:
    return along(k, 4.0, turned(9.0))


@vendor
def philips_enhanced_dynamics() -> list[Dataset]:
    """Frames of a slice follow each other: time runs fastest, slices from top to bottom."""
    frames = [
        {"position": philips_along(k), "k": k, "time": t, "index": (t,), "type": ["M", "NONE"]} for k in (3, 2, 1, 0) for t in (1, 2, 3)
    ]
    return [philips_enhanced(frames)]


@vendor
def philips_enhanced_without_temporal_position() -> list[Dataset]:
    """Dynamics told by their dimension index alone, and not in its order."""
    frames = [
        {"position": philips_along(k), "k": k, "index": (t,), "type": ["M", "NONE"]}
        for k in range(4)
        for t in ((2, 1, 3) if k % 2 else (1, 2, 3))
    ]
    return [philips_enhanced(frames)]


@vendor
def philips_enhanced_diffusion() -> list[Dataset]:
    frames, table = [], [(800.0, DIRECTIONS[0]), (0.0, None), (800.0, DIRECTIONS[2])]
    for n, (b, v) in enumerate(table):
        frames += [{"position": philips_along(k), "k": k, "b": b, "v": v, "index": (n + 1,), "type": ["M", "NONE"]} for k in range(3)]
    d = philips_enhanced(frames)
    for frame, item in zip(frames, d.PerFrameFunctionalGroupsSequence, strict=True):
        diffusion = item.MRDiffusionSequence[0]
        diffusion.DiffusionDirectionality = "DIRECTIONAL" if frame["v"] else "NONE"
        if frame["v"]:
            gradient = Dataset()
            gradient.DiffusionGradientOrientation = list(frame["v"])
            diffusion.DiffusionGradientDirectionSequence = Sequence([gradient])
    return [d]


@vendor
def philips_enhanced_echoes_and_phase() -> list[Dataset]:
    frames = [
        {
            "position": philips_along(k),
            "k": k,
            "echo": te,
            "index": (e + 1, "MP".index(kind) + 1),
            "type": [kind, "NONE"],
            "slope": (1.5, 0.0) if kind == "M" else (2.0, -4094.0),
        }
        for kind in "MP"
        for k in range(3)
        for e, te in enumerate((4.6, 9.2))
    ]
    d = philips_enhanced(frames)
    for frame, item in zip(frames, d.PerFrameFunctionalGroupsSequence, strict=True):
        item.MRImageFrameTypeSequence[0].ComplexImageComponent = {"M": "MAGNITUDE", "P": "PHASE"}[frame["type"][0]]
    return [d]


# Canon, Toshiba


@vendor
def toshiba_diffusion() -> list[Dataset]:
    """Volumes without diffusion say nothing of it."""
    made = []
    for t, (b, v) in enumerate([(0.0, None), (1500.0, DIRECTIONS[0]), (1500.0, DIRECTIONS[1])]):
        for k in range(3):
            d = a_slice("TOSHIBA_MEC", 3 * t + k, k, ImageType=["ORIGINAL", "PRIMARY", "OTHER"])
            if v:
                d.DiffusionBValue, d.DiffusionGradientOrientation = b, list(v)
            made.append(d)
    return made


@vendor
def canon_diffusion() -> list[Dataset]:
    """Directions stand in the comments alone."""
    made = []
    for t, (b, v) in enumerate([(0.0, None), (1500.0, DIRECTIONS[0]), (1500.0, DIRECTIONS[2])]):
        for k in range(3):
            d = a_slice("CANON_MEC", 3 * t + k, k, directions=turned(5.0), ImageType=["ORIGINAL", "PRIMARY", "DIFFUSION"])
            if v:
                d.DiffusionBValue = b
                d.ImageComments = f"b={b:.0f}({','.join(f'{c:.3f}' for c in v)})"
            made.append(d)
    return made


@vendor
def canon_bold() -> list[Dataset]:
    return [
        a_slice("CANON_MEC", 4 * t + k, k, ImageType=["ORIGINAL", "PRIMARY", "OTHER"], AcquisitionNumber=1, TriggerTime=0.0)
        for t in range(3)
        for k in range(4)
    ]


@vendor
def canon_enhanced_bold() -> list[Dataset]:
    made = []
    for t in range(3):
        d = xa([{"position": along(k), "k": k, "time": t + 1, "type": ["M", "NONE"]} for k in range(4)], t, ("M", "NONE"))
        d.Manufacturer, d.ManufacturerModelName, d.SoftwareVersions = "CANON_MEC", "Vantage Galan 3T", "V6.0"
        made.append(d)
    return made


# United Imaging


def grid(n: int, count: int, *, b: float | None = None, direction: tuple[float, ...] | None = None) -> Dataset:
    across = int(np.ceil(np.sqrt(count)))
    down = int(np.ceil(count / across))
    d = objects.blank(objects.tiled(np.stack([values(n * count + k, 8, 12) for k in range(count)]), across, down))
    directions = turned(-6.0)
    objects.placed(d, along(0, 4.0, directions), orientation=directions, spacing=(3.0, 2.0))
    filled(d, "UIH")
    d.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME", "FMRI"] if b is None else ["ORIGINAL", "PRIMARY", "M", "VFRAME", "DTI"]
    d.InstanceNumber = d.AcquisitionNumber = n + 1
    d.SliceThickness, d.SpacingBetweenSlices, d.ManufacturerModelName = 4.0, 4.0, "uMR 790"
    creator = "Image Private Header"
    element(d, 0x0065, creator, 0x50, "DS", count)
    items = []
    for k in range(count):
        item = Dataset()
        item.ImagePositionPatient, item.SliceLocation, item.AcquisitionTime = list(along(k, 4.0, directions)), 4.0 * k, f"1200{k:02d}.5"
        items.append(item)
    element(d, 0x0065, creator, 0x51, "SQ", Sequence(items))
    if b is not None:
        element(d, 0x0065, creator, 0x09, "FD", b)
        if direction is not None:
            element(d, 0x0065, creator, 0x37, "FD", list(direction))
    return d


@vendor
def uih_grid_bold() -> list[Dataset]:
    return [grid(n, 7) for n in range(3)]


@vendor
def uih_grid_diffusion() -> list[Dataset]:
    table = [(0.0, None), (999.5, DIRECTIONS[0]), (1000.2, DIRECTIONS[1])]
    return [grid(n, 5, b=b, direction=v) for n, (b, v) in enumerate(table)]


@vendor
def uih_slices() -> list[Dataset]:
    """One slice a file; time points by Instance Number and Acquisition Number."""
    made = []
    for t in range(3):
        for k in range(4):
            d = a_slice("UIH", 4 * t + k, k, ImageType=["ORIGINAL", "PRIMARY", "M", "FMRI"], AcquisitionNumber=t + 1)
            element(d, 0x0065, "Image Private Header", 0x06, "IS", 1)
            made.append(d)
    return made


# CT


def ct(n: int, z: float, **changes: object) -> Dataset:
    d = a_slice("SIEMENS", n, 0)
    for name in ("EchoTime", "RepetitionTime", "FlipAngle", "EchoNumbers", "MRAcquisitionType", "MagneticFieldStrength"):
        delattr(d, name)
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    d.Modality, d.ImageType, d.RescaleSlope, d.RescaleIntercept = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], 1, -1024
    d.ImagePositionPatient, d.SliceThickness, d.SliceLocation = [-100, -120, z], 2.0, z
    del d.SpacingBetweenSlices
    d.PixelPaddingValue = 3
    for name, value in changes.items():
        setattr(d, name, value)
    return d


@vendor
def ct_plain() -> list[Dataset]:
    return [ct(n, -40.0 + 2.5 * n) for n in range(6)]


def all_series() -> Iterator[str]:
    """Names, in the order of the vendors above."""
    yield from MAKERS
