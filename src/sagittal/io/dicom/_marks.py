"""What tells the volumes of one series apart: echo, b-value, time ..., from the standard's tags or the vendor's."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from sagittal.io.dicom.header import Dataset

Marks = tuple[tuple[str, tuple[float, ...]], ...]
"""A short word and the numbers that differ."""

# arterial spin labelling: blood is marked in every other volume
_LABELLED = {"CONTROL": (1.0,), "LABEL": (2.0,)}

_NUMBER = r"\s*(-?\d+(?:\.\d*)?)\s*"
_COMMENT = re.compile(rf"b={_NUMBER}\({_NUMBER},{_NUMBER},{_NUMBER}\)")


@dataclass(frozen=True, slots=True)
class Gradient:
    """How a volume is weighted by diffusion.

    Args:
        b: s/mm2.
        direction: None where there is none, or it is not said.
        axes: What the direction is told in: DICOM's patient axes, those of the picture (columns, rows, slices), or
            frequency, phase and slice.
        turned: The phase is encoded along the rows.
        mean: It is an average over directions (trace), which the scanner worked out.
    """

    b: float
    direction: tuple[float, float, float] | None = None
    axes: Literal["patient", "picture", "encoding"] = "patient"
    turned: bool = False
    mean: bool = False

    @property
    def mark(self) -> tuple[float, ...]:
        """What is compared."""
        return rounded((self.b, *(self.direction or ())))


def marks_of(data: Dataset, gradient: Gradient | None) -> Marks:
    """What may differ between slices at the same place, in the order in which it is tried."""
    return (
        ("echo", rounded(data.numbers("EchoTime")[:1]) or data.numbers("EchoNumbers")[:1]),
        ("b", gradient.mark if gradient is not None else ()),
        ("t", data.numbers("TemporalPositionIdentifier")[:1]),
        ("trigger", rounded(data.numbers("TriggerTime")[:1])),
        ("inversion", rounded(data.numbers("InversionTime")[:1])),
        ("flip", rounded(data.numbers("FlipAngle")[:1])),
        # Philips numbers the instances of what follows at random
        ("phase", data.numbers("PhilipsPhase")[:1]),
        ("asl", _LABELLED.get(data.text("PhilipsLabelled").upper(), ())),
        (
            "w",
            data.numbers("PhilipsDiffusionOrder")[:1]
            or (*data.numbers("PhilipsBValueNumber")[:1], *data.numbers("PhilipsGradientNumber")[:1]),
        ),
        ("a", data.numbers("AcquisitionNumber")[:1]),
    )


def gradient_of(data: Dataset) -> Gradient | None:
    """The diffusion gradient of a classic image, from the standard's tags or the vendor's; None where nothing is said."""
    maker = data.text("Manufacturer").upper()
    # Canon writes the direction into the comments: phase, frequency, slice
    comment = _COMMENT.match(data.text("ImageComments")) if maker.startswith(("CANON", "TOSHIBA")) else None
    if comment is not None:
        b, x, y, z = map(float, comment.groups())
        return Gradient(b, (y, x, z), "encoding", turned=_by_rows(data))
    # United Imaging's own tag tells the direction in the picture, and is right where the standard's is not
    own = _gradient(data.numbers("UIHBValue"), data.numbers("UIHGradient"))
    if own is not None:
        return replace(own, axes="picture")
    mean = data.text("DiffusionDirectionality") == "ISOTROPIC" or data.text("PhilipsDirectionality") == "I"
    if "DiffusionBValue" in data:
        found = _gradient(data.numbers("DiffusionBValue"), data.numbers("DiffusionGradientOrientation"))
        if found is not None:
            return replace(found, mean=mean)
    for vendor, axes in (("Siemens", ("",)), ("Philips", ("X", "Y", "Z")), ("GE", ("X", "Y", "Z"))):
        way = tuple(v for axis in axes for v in data.numbers(f"{vendor}Gradient{axis}")[:3])
        found = _gradient(data.numbers(f"{vendor}BValue"), way)
        if found is not None:
            return replace(found, axes="encoding" if vendor == "GE" else "patient", turned=_by_rows(data), mean=mean)
    return None


def frame_gradient(diffusion: Dataset) -> Gradient | None:
    """The same of a frame, from its MR Diffusion Sequence."""
    said = diffusion.first("DiffusionGradientDirectionSequence")
    found = _gradient(diffusion.numbers("DiffusionBValue"), said.numbers("DiffusionGradientOrientation"))
    return found and replace(found, mean=diffusion.text("DiffusionDirectionality") == "ISOTROPIC")


def _gradient(b: tuple[float, ...], way: tuple[float, ...]) -> Gradient | None:
    if not b or not math.isfinite(b[0]):
        return None
    told = (way[0], way[1], way[2]) if len(way) == 3 and all(map(math.isfinite, way)) else None
    # GE adds a billion to some b-values
    return Gradient(b[0] % 1e6, told)


def _by_rows(data: Dataset) -> bool:
    return data.text("InPlanePhaseEncodingDirection").upper().startswith("ROW")


def complex_part(data: Dataset) -> tuple[str, ...]:
    """Magnitude, phase, real or imaginary, where it is said outside the image type."""
    said = data.text("ComplexImageComponent") or (data.text("PhilipsImageKind") if "PhilipsImageKind" in data else "")
    if said:
        return (said,)
    number = data.number("GEImageKind") if b"GE" in data.raw("Manufacturer") else None
    return ({0: "MAGNITUDE", 1: "PHASE", 2: "REAL", 3: "IMAGINARY"}.get(int(number), ""),) if number is not None else ()


def rounded(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Numbers to three places: they are compared, and headers round."""
    return tuple(round(n, 3) for n in numbers)
