"""What a header says of how a volume was measured, by the names and units of BIDS; nothing of the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sagittal.core import Geometry
from sagittal.errors import UnreadableInput
from sagittal.io.dicom._marks import Gradient
from sagittal.io.dicom._tags import FACT_TAGS
from sagittal.io.dicom.header import Dataset, read_header

if TYPE_CHECKING:
    from sagittal.io.dicom.volume import Volume

# name: keyword, keyword in a functional group, sequence of the group, factor
_NUMBERS: Mapping[str, tuple[str, str, str, float]] = {
    "EchoTime": ("EchoTime", "EffectiveEchoTime", "MREchoSequence", 1e-3),
    "RepetitionTime": ("RepetitionTime", "RepetitionTime", "MRTimingAndRelatedParametersSequence", 1e-3),
    "InversionTime": ("InversionTime", "InversionTimes", "MRModifierSequence", 1e-3),
    "FlipAngle": ("FlipAngle", "FlipAngle", "MRTimingAndRelatedParametersSequence", 1.0),
    "MagneticFieldStrength": ("MagneticFieldStrength", "", "", 1.0),
    "SliceThickness": ("SliceThickness", "SliceThickness", "PixelMeasuresSequence", 1.0),
    "SpacingBetweenSlices": ("SpacingBetweenSlices", "SpacingBetweenSlices", "PixelMeasuresSequence", 1.0),
    "PixelBandwidth": ("PixelBandwidth", "PixelBandwidth", "MRImagingModifierSequence", 1.0),
    "XRayTubeVoltage": ("KVP", "", "", 1.0),
}
_WORDS = {"Manufacturer": "Manufacturer", "ManufacturersModelName": "ManufacturerModelName", "MRAcquisitionType": "MRAcquisitionType"}

# Which way frequency and phase run, by plane (sagittal, coronal, axial) and whether the phase runs along the rows. GE does not
# write it; this is what dcm2niix 1.0.20260724 gives for GE and Canon (it calls phase along the rows untested).
_SIGNS: Mapping[tuple[int, bool], tuple[int, int, int]] = {
    (0, False): (1, 1, -1),
    (0, True): (1, -1, -1),
    (1, False): (-1, 1, 1),
    (1, True): (1, 1, 1),
    (2, False): (-1, -1, 1),
    (2, True): (-1, 1, 1),
}


def facts_of(volume: Volume) -> dict[str, object]:
    """How a volume was measured: times in seconds, angles in degrees, lengths in mm, tesla; the type of image.

    The header of its first slice is read once more. What it does not say is left out.
    """
    plane = volume.planes[0]
    try:
        data = read_header(plane.stored.path, limits=volume.limits, tags=FACT_TAGS).data
    except UnreadableInput:  # of a file that can be read as far as its pixels
        return {}
    frames = data.items("PerFrameFunctionalGroupsSequence")
    frame = frames[plane.frame] if plane.frame < len(frames) else Dataset({})
    groups = (frame, data.first("SharedFunctionalGroupsSequence"))
    told: dict[str, object] = {name: data.text(keyword) for name, keyword in _WORDS.items() if data.text(keyword)}
    for name, (keyword, inner, sequence, factor) in _NUMBERS.items():
        given = [group.first(sequence).number(inner) for group in groups] if sequence else []
        value = next((v for v in (*given, data.number(keyword)) if v is not None and np.isfinite(v)), None)
        if value is not None:
            told[name] = round(value * factor, 9)
    told["ImageType"] = list(data.words("ImageType"))
    along = {"ROW": "i", "COL": "j"}.get(data.text("InPlanePhaseEncodingDirection")[:3].upper())
    if along:
        told["PhaseEncodingAxis"] = along
    slope, intercept = plane.rescale or (None, None)
    if plane.scale is not None and slope is not None:
        told |= {"PhilipsRescaleSlope": slope, "PhilipsRescaleIntercept": intercept, "PhilipsScaleSlope": plane.scale}
    return told


def table_of(gradients: Sequence[Gradient | None], grid: Geometry) -> tuple[list[float], list[tuple[float, float, float]]] | None:
    """b-values and directions as FSL wants them; None where no volume is weighted in a direction that is known.

    Directions are unit vectors along the index axes of the grid, with the first one turned round where the grid is
    right-handed (the determinant of its affine is positive); zeros without a direction.

    >>> grid = Geometry(shape=(4, 4, 4), affine=np.diag([-2.0, -2.0, 2.0, 1.0]), unit="mm", frame="patient")
    >>> table_of([None, Gradient(1000.0, (0.0, 1.0, 0.0))], grid)
    ([0.0, 1000.0], [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
    """
    if not any(g is not None and g.b > 0 and any(g.direction or ()) for g in gradients):
        return None
    columns = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    right_handed = float(np.linalg.det(columns)) > 0
    vectors = []
    for gradient in gradients:
        if gradient is None or gradient.direction is None or gradient.b <= 0 or not any(gradient.direction):
            vectors.append((0.0, 0.0, 0.0))
            continue
        way = _along_axes(gradient, columns)
        way = way / np.linalg.norm(way) * np.array([-1.0 if right_handed else 1.0, 1.0, 1.0]) + 0.0
        vectors.append((round(float(way[0]), 6), round(float(way[1]), 6), round(float(way[2]), 6)))
    return [g.b if g is not None else 0.0 for g in gradients], vectors


def _along_axes(gradient: Gradient, columns: np.ndarray) -> np.ndarray:
    """A direction along the index axes (columns, rows, slices) of the picture."""
    x, y, z = gradient.direction or (0.0, 0.0, 0.0)
    if gradient.axes == "picture":
        return np.array([x, y, z])
    if gradient.axes == "patient":
        world = np.array([-x, -y, z])
        return np.asarray(np.linalg.solve(columns, world))
    plane = int(np.argmax(np.abs(columns[:, 2])))
    row, column, along = _SIGNS[plane, gradient.turned]
    first, second = (y, x) if gradient.turned else (x, y)
    return np.array([row * first, column * second, along * z])
