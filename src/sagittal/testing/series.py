"""A plain CT series, and the seventeen ways in which one is found broken: examples for readers of DICOM.

Written byte by byte, so that no library repairs a fault on the way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SLICES, ROWS, COLUMNS = 12, 24, 20
SPACING_MM, STEP_MM = (0.8, 0.7), 2.5
START_MM = (-7.0, -9.6, 30.0)

_EXPLICIT = "1.2.840.10008.1.2.1"
_CT = "1.2.840.10008.5.1.4.1.1.2"
_VRS = {
    0x00080008: "CS", 0x00080016: "UI", 0x00080018: "UI", 0x00080060: "CS", 0x0008103E: "LO", 0x00100010: "PN", 0x00100020: "LO",
    0x00180050: "DS", 0x0020000D: "UI", 0x0020000E: "UI", 0x00200011: "IS", 0x00200013: "IS", 0x00200032: "DS", 0x00200037: "DS",
    0x00200052: "UI", 0x00280002: "US", 0x00280004: "CS", 0x00280008: "IS", 0x00280010: "US", 0x00280011: "US", 0x00280030: "DS",
    0x00280100: "US", 0x00280101: "US", 0x00280102: "US", 0x00280103: "US", 0x00280120: "US", 0x00281052: "DS", 0x00281053: "DS",
}  # fmt: skip

Value = str | int | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One file before it is written.

    Args:
        name: Of the file.
        position: Of the first pixel's centre (LPS, mm).
        stored: The numbers as stored, ``(rows, columns)``.
        tags: What differs from the plain series; None leaves an element out.
        cut: How many bytes are cut off the end of the file.
    """

    name: str
    position: tuple[float, float, float]
    stored: NDArray[np.uint16]
    tags: Mapping[int, Value | None] = field(default_factory=dict)
    cut: int = 0

    def but(self, **changed: object) -> Slice:
        """This slice with some fields replaced."""
        return replace(self, **changed)  # type: ignore[arg-type]

    def tagged(self, tags: Mapping[int, Value | None]) -> Slice:
        """This slice with some elements replaced."""
        return replace(self, tags={**self.tags, **tags})

    def at(self, z: float) -> Slice:
        """This slice at another place along the body."""
        return replace(self, position=(self.position[0], self.position[1], z))


def plain_series(*, slices: int = SLICES) -> list[Slice]:
    """A CT whose pixels say where they are: ``stored = 1000 + 40 slice + 2 row + column``; file names say nothing."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    return [
        Slice(
            name=f"{(n * 5) % slices:02d}.dcm",
            position=(START_MM[0], START_MM[1], START_MM[2] + STEP_MM * n),
            stored=(1000 + 40 * n + 2 * row + column).astype(np.uint16),
            tags={0x00080018: f"1.2.3.4.{n + 1}", 0x00200013: n + 1},
        )
        for n in range(slices)
    ]


def write_series(slices: list[Slice], folder: Path) -> Path:
    """Write the files of a series; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in slices:
        data = file_bytes(one)
        (folder / one.name).write_bytes(data[: len(data) - one.cut])
    return folder


def faulty_series(fault: str, folder: Path) -> Path:
    """Write a series with one fault, ``f01`` ... ``f17`` (see :data:`FAULTS`), or without one (``plain``).

    Raises:
        KeyError: There is no such fault.
    """
    slices = plain_series()
    return write_series(slices if fault == "plain" else FAULTS[fault](slices), folder)


def file_bytes(one: Slice) -> bytes:
    """A file of explicit little endian with a preamble."""
    rows, columns = one.stored.shape
    elements: dict[int, Value | None] = {
        0x00080008: r"ORIGINAL\PRIMARY\AXIAL",
        0x00080016: _CT,
        0x00080060: "CT",
        0x0008103E: "plain",
        0x00100010: "Doe^Jane",
        0x00100020: "4711",
        0x00180050: (5.0,),
        0x0020000D: "1.2.3.1",
        0x0020000E: "1.2.3.2",
        0x00200011: 3,
        0x00200032: one.position,
        0x00200037: (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        0x00200052: "1.2.3.3",
        0x00280002: 1,
        0x00280004: "MONOCHROME2",
        0x00280010: rows,
        0x00280011: columns,
        0x00280030: SPACING_MM,
        0x00280100: 16,
        0x00280101: 12,
        0x00280102: 11,
        0x00280103: 0,
        0x00281052: (-1024.0,),
        0x00281053: (1.0,),
        **one.tags,
    }
    body = b"".join(_element(tag, value) for tag, value in sorted(elements.items()) if value is not None)
    pixels = one.stored.astype("<u2").tobytes()
    meta = _element(0x00020010, _EXPLICIT, vr="UI")
    head = bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta
    return head + body + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, len(pixels)) + pixels


def _element(tag: int, value: Value, *, vr: str = "") -> bytes:
    vr = vr or _VRS.get(tag, "LO")
    if vr == "US" and isinstance(value, int):
        data = struct.pack("<H", value)
    elif isinstance(value, tuple):
        data = "\\".join(f"{v:.10g}" for v in value).encode()
    else:
        data = str(value).encode("latin-1")
    data += (b"\0" if vr == "UI" else b" ") * (len(data) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(data)) + data


def _missing(s: list[Slice]) -> list[Slice]:
    return s[:5] + s[6:]


def _duplicate(s: list[Slice], *, same: bool = True) -> list[Slice]:
    stored = s[5].stored if same else s[5].stored + np.uint16(3)
    return [*s, s[5].but(name="copy.dcm", stored=stored).tagged({0x00080018: "1.2.3.4.99", 0x00200013: 99})]


def _other_duplicate(s: list[Slice]) -> list[Slice]:
    return _duplicate(s, same=False)


def _uneven(s: list[Slice]) -> list[Slice]:
    return [one.at(one.position[2] + max(n - 3, 0) * STEP_MM * 0.5) for n, one in enumerate(s)]


def _reversed_numbers(s: list[Slice]) -> list[Slice]:
    return [one.tagged({0x00200013: len(s) - n}) for n, one in enumerate(s)]


def _monochrome1(s: list[Slice]) -> list[Slice]:
    return [one.tagged({0x00280004: "MONOCHROME1"}) for one in s]


def _pet(s: list[Slice]) -> list[Slice]:
    other: dict[int, Value | None] = {0x00080060: "PT", 0x00281052: (0.0,)}
    return [one.tagged({**other, 0x00281053: (0.5 + 0.25 * n,)}) for n, one in enumerate(s)]


def _signed(s: list[Slice]) -> list[Slice]:
    return [
        one.but(stored=((one.stored.astype(np.int32) - 1200) & 0x0FFF).astype(np.uint16)).tagged({0x00280103: 1, 0x00281052: (0.0,)})
        for one in s
    ]


def _localiser(s: list[Slice]) -> list[Slice]:
    place = (
        s[0]
        .but(name="scout.dcm", position=(0.0, -9.6, 60.0))
        .tagged(
            {
                0x00080018: "1.2.3.4.50",
                0x00080008: r"ORIGINAL\PRIMARY\LOCALIZER",
                0x00200013: 0,
                0x00200037: (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
            }
        )
    )
    return [*s, place]


def _two_series(s: list[Slice]) -> list[Slice]:
    other = [
        one.but(name=f"b{one.name}").tagged({0x00080018: f"1.2.3.5.{n}", 0x0020000E: "1.2.3.9", 0x00200011: 4}) for n, one in enumerate(s)
    ]
    return [*s, *other]


def _unplaced(s: list[Slice]) -> list[Slice]:
    return [one.tagged({0x00200032: None}) for one in s]


def _tilted(s: list[Slice]) -> list[Slice]:
    """The gantry leans by 15 degrees: slices shift along the body, not along their normal."""
    angle = np.deg2rad(15)
    down = (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(-np.sin(angle)))
    return [one.tagged({0x00200037: down}) for one in s]


def _one_spacing(s: list[Slice]) -> list[Slice]:
    return [*s[:4], s[4].tagged({0x00280030: (0.9, 0.7)}), *s[5:]]


def _cut_off(s: list[Slice]) -> list[Slice]:
    return [*s[:4], s[4].but(cut=100), *s[5:]]


def _two_patients(s: list[Slice]) -> list[Slice]:
    return [one.tagged({0x00100010: "Roe^Richard", 0x00100020: "4712"}) if n >= 6 else one for n, one in enumerate(s)]


def _one_size(s: list[Slice]) -> list[Slice]:
    return [*s[:4], s[4].but(stored=s[4].stored[:-4]), *s[5:]]


def _unscaled(s: list[Slice]) -> list[Slice]:
    return [*s[:4], s[4].tagged({0x00281052: None, 0x00281053: None}), *s[5:]]


def _right_to_left(s: list[Slice]) -> list[Slice]:
    mirrored = (START_MM[0] + SPACING_MM[1] * (COLUMNS - 1), START_MM[1])
    return [
        one.but(stored=one.stored[:, ::-1], position=(*mirrored, one.position[2])).tagged({0x00200037: (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)})
        for one in s
    ]


FAULTS: Mapping[str, Callable[[list[Slice]], list[Slice]]] = {
    "f01": _missing,
    "f02": _duplicate,
    "f02b": _other_duplicate,
    "f03": _uneven,
    "f04": _reversed_numbers,
    "f05": _monochrome1,
    "f06": _pet,
    "f07": _signed,
    "f08": _localiser,
    "f09": _two_series,
    "f10": _unplaced,
    "f11": _tilted,
    "f12": _one_spacing,
    "f13": _cut_off,
    "f14": _two_patients,
    "f15": _one_size,
    "f16": _unscaled,
    "f17": _right_to_left,
}
"""Missing slice, same slice twice (b: with other pixels), uneven spacing, numbers reversed, MONOCHROME1, a slope a slice,
signed 12 bits, a localiser, two series, no position, tilted gantry, one pixel spacing, cut off, two patients, one size,
rescale tags missing, rows from right to left."""
