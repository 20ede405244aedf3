"""What tells the volumes of one series apart: echo, b-value, time ..., from the standard's tags or the vendor's."""

from __future__ import annotations

import math

from sagittal.io.dicom.header import Dataset

Marks = tuple[tuple[str, tuple[float, ...]], ...]
"""A short word and the numbers that differ."""


def marks_of(data: Dataset) -> Marks:
    """What may differ between slices at the same place, in the order in which it is tried."""
    return (
        ("echo", rounded(data.numbers("EchoTime")[:1]) or data.numbers("EchoNumbers")[:1]),
        ("b", _diffusion(data)),
        ("t", data.numbers("TemporalPositionIdentifier")[:1]),
        ("trigger", rounded(data.numbers("TriggerTime")[:1])),
        ("inversion", rounded(data.numbers("InversionTime")[:1])),
        ("flip", rounded(data.numbers("FlipAngle")[:1])),
        ("a", data.numbers("AcquisitionNumber")[:1]),
    )


def _diffusion(data: Dataset) -> tuple[float, ...]:
    """The b-value and the direction, from the standard's tags or the vendor's."""
    if "DiffusionBValue" in data:
        return rounded(data.numbers("DiffusionBValue")[:1] + data.numbers("DiffusionGradientOrientation"))
    for vendor, axes in (("Siemens", ("",)), ("UIH", ("",)), ("Philips", ("X", "Y", "Z")), ("GE", ("X", "Y", "Z"))):
        b = data.numbers(f"{vendor}BValue")[:1]
        if b and math.isfinite(b[0]):
            # GE adds a billion to some b-values
            return rounded((b[0] % 1e6, *(v for axis in axes for v in data.numbers(f"{vendor}Gradient{axis}")[:3])))
    return ()


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
