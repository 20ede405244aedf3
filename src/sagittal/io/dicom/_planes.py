"""A plane of pixels and what its header says of it: a classic slice, a frame of many, a tile of a mosaic."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sagittal.errors import SagittalError
from sagittal.io.dicom import _mosaic
from sagittal.io.dicom._marks import Gradient, complex_part, frame_gradient, gradient_of, marks_of, rounded
from sagittal.io.dicom._stored import Stored, stored_of, too_short
from sagittal.io.dicom.header import Dataset, Header

Vector = tuple[float, float, float]
_MOST_DIMENSIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose it is and what it belongs to. Only compared, never shown."""

    patient: str
    name: str
    study: str
    series: str
    instance: str
    frame: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a person may see of a series."""

    modality: str
    description: str
    number: int | None
    vendor: str
    software: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One slice before it is sorted. Positions and directions are DICOM's (LPS, mm), of the first pixel's centre.

    Args:
        stored: The file's pixels.
        owner: Whose.
        about: For people.
        frame: Which one of the file.
        corner: First row and column within the frame; not 0 in a mosaic.
        shape: Rows and columns.
        position: Image Position (Patient); None where there is none.
        orientation: Directions of a row and of a column; None where there are none.
        spacing: Between rows and between columns; None where not known.
        thickness: Slice thickness, 0 where not said. Only for a slice that stands alone.
        between: Spacing Between Slices, the same; it goes before.
        rescale: Slope and intercept; None where the header has none.
        scale: Philips' Scale Slope (2005,100E): what a rescaled value is divided by, with the slope, to be comparable.
        kind: What sort of picture it is: the image type from its third word on, and the part of a complex number.
        marks: What tells volumes of one series apart: echo, time, b-value ..., in the order in which they are tried.
        gradient: Of diffusion; None where the header says nothing of it.
        order: For those that nothing else tells apart: acquisition, number, trigger; frames: number of the file, acquisition, frame.
        broken: Why it cannot be read.
    """

    stored: Stored
    owner: Owner
    about: About
    frame: int
    corner: tuple[int, int]
    shape: tuple[int, int]
    position: Vector | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    thickness: float
    between: float
    rescale: tuple[float, float] | None
    scale: float | None
    kind: tuple[str, ...]
    marks: tuple[tuple[str, tuple[float, ...]], ...]
    gradient: Gradient | None
    order: tuple[float, ...]
    broken: SagittalError | None = None


def planes(header: Header, *, mosaics: dict[str, _mosaic.Siemens] | None = None) -> list[Plane]:
    """Every plane of a file in the order of the file; none where it has no pixels.

    Args:
        header: Of the file.
        mosaics: What is known of series of mosaics; gets what is found, so that only one file of each is asked.

    Raises:
        UnreadableInput: A mosaic whose header of its own is broken.
    """
    data = header.data
    stored = stored_of(header)
    if stored is None:
        return []
    base = _base(header, stored)
    frames = data.items("PerFrameFunctionalGroupsSequence")
    if frames:
        shared = data.first("SharedFunctionalGroupsSequence")
        return [_functional(base, frame, shared, n) for n, frame in enumerate(frames[: stored.frames])]
    if _mosaic.is_mosaic(data):
        known = mosaics if mosaics is not None else {}
        if not _mosaic.is_grid(data) and base.owner.series not in known:
            known[base.owner.series] = _mosaic.siemens(header)
        own = known.get(base.owner.series, _mosaic.Siemens())
        if not _mosaic.is_grid(data) and not _mosaic.slices_of(data, own) and _mosaic.is_one_slice(data, stored.rows, stored.columns):
            return [base]
        return [_tiled(base, tile) for tile in _mosaic.tiles(header, own, stored.rows, stored.columns)]
    if stored.frames == 1:
        return [base]
    return [_numbered(base, place, n) for n, place in enumerate(_steps(base, data, stored.frames))]


def _base(header: Header, stored: Stored) -> Plane:
    data = header.data
    detector = data if "ImagePositionPatient" in data else data.first("DetectorInformationSequence")
    dose = data.number("DoseGridScaling")
    rescale = (dose, 0.0) if dose is not None else _rescale(data, data.first("RealWorldValueMappingSequence"), data.text("Manufacturer"))
    instance, gradient = data.number("InstanceNumber"), gradient_of(data)
    return Plane(
        stored=stored,
        owner=Owner(
            patient=data.text("PatientID"),
            name=data.text("PatientName"),
            study=data.text("StudyInstanceUID"),
            series=data.text("SeriesInstanceUID"),
            instance=data.text("SOPInstanceUID"),
            frame=data.text("FrameOfReferenceUID"),
        ),
        about=About(
            modality=data.text("Modality") or "OT",
            description=unnamed(
                data.text("SeriesDescription") or data.text("ProtocolName"), data.text("PatientName"), data.text("PatientID")
            ),
            number=data.whole("SeriesNumber") if data.number("SeriesNumber") is not None else None,
            vendor=data.text("Manufacturer"),
            software=" ".join(data.words("SoftwareVersions")),
        ),
        frame=0,
        corner=(0, 0),
        shape=(stored.rows, stored.columns),
        position=_vector(detector.numbers("ImagePositionPatient")),
        orientation=_directions(detector.numbers("ImageOrientationPatient")),
        spacing=_pair(data.numbers("PixelSpacing")) or _pair(data.numbers("ImagerPixelSpacing")),
        thickness=abs(data.number("SliceThickness") or 0.0),
        between=data.number("SpacingBetweenSlices") or 0.0,
        rescale=rescale,
        scale=scale_slope(data),
        kind=(*data.words("ImageType")[2:], *complex_part(data)),
        marks=marks_of(data, gradient),
        gradient=gradient,
        # the number before the trigger time: pulse and breath give times that jump about
        order=(data.number("AcquisitionNumber") or 0.0, instance if instance is not None else 0.0, data.number("TriggerTime") or 0.0),
        broken=header.broken or too_short(stored),
    )


def _rescale(values: Dataset, world: Dataset, vendor: str) -> tuple[float, float] | None:
    """Slope and intercept; of Philips, whose files lack them at times, those of the real world value mapping."""
    slope, intercept = values.number("RescaleSlope"), values.number("RescaleIntercept")
    if slope is None and intercept is None and vendor.upper().startswith("PHILIPS"):
        slope, intercept = world.number("RealWorldValueSlope"), world.number("RealWorldValueIntercept")
    return None if slope is None and intercept is None else (1.0 if slope is None else slope, intercept or 0.0)


def unnamed(description: str, *owner: str) -> str:
    """The description, unless it says whose the series is: some sites write the patient's name or number there.

    >>> unnamed("T1 post", "DOE^JANE", "4711"), unnamed("Doe T1", "DOE^JANE", "4711"), unnamed("scan 4711", "", "4711")
    ('T1 post', '', '')
    """
    said = set(re.findall(r"[^\W_]{3,}", description.casefold()))
    known = {word for text in owner for word in re.findall(r"[^\W_]{3,}", text.casefold())}
    return "" if said & known or any(text and text.casefold() in description.casefold() for text in owner) else description


def scale_slope(data: Dataset) -> float | None:
    """Philips' Scale Slope; None where there is none that a number can be divided by."""
    value = data.number("PhilipsScaleSlope")
    return value if value is not None and math.isfinite(value) and value != 0 else None


def _functional(base: Plane, frame: Dataset, shared: Dataset, n: int) -> Plane:
    """A frame of an enhanced multi-frame object: its own functional groups before the shared ones (PS3.3 C.7.6.16)."""

    def group(name: str) -> Dataset:
        return frame.first(name) if name in frame else shared.first(name)

    measures, values, content = group("PixelMeasuresSequence"), group("PixelValueTransformationSequence"), group("FrameContentSequence")
    types = group("MRImageFrameTypeSequence"), group("CTImageFrameTypeSequence")
    kind = next((t.words("FrameType")[2:] + complex_part(t) for t in types if "FrameType" in t), base.kind)
    echo, diffusion, cardiac = group("MREchoSequence"), group("MRDiffusionSequence"), group("CardiacSynchronizationSequence")
    gradient = frame_gradient(diffusion)
    trigger = cardiac.numbers("NominalCardiacTriggerDelayTime")
    return replace(
        base,
        frame=n,
        position=_vector(group("PlanePositionSequence").numbers("ImagePositionPatient")) or base.position,
        orientation=_directions(group("PlaneOrientationSequence").numbers("ImageOrientationPatient")) or base.orientation,
        spacing=_pair(measures.numbers("PixelSpacing")) or base.spacing,
        thickness=abs(measures.number("SliceThickness") or base.thickness),
        between=measures.number("SpacingBetweenSlices") or base.between,
        rescale=_rescale(values, group("RealWorldValueMappingSequence"), base.about.vendor) or base.rescale,
        scale=scale_slope(frame.first("PhilipsFrameSequence")) or base.scale,
        kind=kind,
        marks=(
            ("echo", rounded(echo.numbers("EffectiveEchoTime")[:1])),
            ("b", gradient.mark if gradient is not None else ()),
            ("t", content.numbers("TemporalPositionIndex")[:1]),
            ("trigger", rounded(trigger[:1])),
            ("inversion", rounded(group("MRModifierSequence").numbers("InversionTimes")[:1])),
            *((f"d{n}-", (value,)) for n, value in enumerate(content.numbers("DimensionIndexValues")[:_MOST_DIMENSIONS], 1)),
        ),
        gradient=gradient,
        # of several files each is a time point; of one file the frames follow each other
        order=(base.order[1], content.number("FrameAcquisitionNumber") or 0.0, float(n)),
    )


def _tiled(base: Plane, tile: _mosaic.Tile) -> Plane:
    return replace(base, corner=tile.corner, shape=tile.shape, position=tile.position)


def _numbered(base: Plane, position: Vector | None, n: int) -> Plane:
    return replace(base, frame=n, position=position, order=(*base.order, float(n)))


def _steps(base: Plane, data: Dataset, frames: int) -> Iterator[Vector | None]:
    """Positions of the frames of an old multi-frame object: offsets of a dose grid, or even steps (nuclear medicine)."""
    offsets = data.numbers("GridFrameOffsetVector")
    if len(offsets) != frames and base.between:
        offsets = tuple(n * base.between for n in range(frames))
    if base.position is None or base.orientation is None or len(offsets) != frames:
        yield from (None for _ in range(frames))
        return
    normal = cross(base.orientation[:3], base.orientation[3:])
    for offset in offsets:
        x, y, z = (p + n * (offset - offsets[0]) for p, n in zip(base.position, normal, strict=True))
        yield x, y, z


def cross(a: tuple[float, ...], b: tuple[float, ...]) -> Vector:
    """The normal of two directions.

    >>> cross((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    (0.0, 0.0, 1.0)
    """
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _vector(numbers: tuple[float, ...]) -> Vector | None:
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 and all(map(math.isfinite, numbers)) else None


def _pair(numbers: tuple[float, ...]) -> tuple[float, float] | None:
    return (numbers[0], numbers[1]) if len(numbers) == 2 and all(math.isfinite(n) and n > 0 for n in numbers) else None


def _directions(numbers: tuple[float, ...]) -> tuple[float, ...] | None:
    """Six direction cosines that are of unit length and at right angles, or None."""
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
        return None
    row, column = numbers[:3], numbers[3:]
    length = math.hypot(*row), math.hypot(*column)
    along = sum(a * b for a, b in zip(row, column, strict=True))
    if abs(length[0] - 1) > 0.01 or abs(length[1] - 1) > 0.01 or abs(along) > 0.01:
        return None
    return (*(r / length[0] for r in row), *(c / length[1] for c in column))
