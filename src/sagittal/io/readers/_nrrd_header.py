"""The header of an NRRD file, checked before anything is read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Frame
from sagittal.errors import UnreadableInput
from sagittal.io.readers._grid import LPS_TO_RAS

_LONGEST = 2**22
_AGAIN = "copy it again from its source"
_NAMES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
_TYPES = {name: kind for kind, names in _NAMES.items() for name in names.split(", ")}
_SPACES = {
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
    "left-anterior-superior": np.diag([-1.0, 1.0, 1.0, 1.0]),
    "las": np.diag([-1.0, 1.0, 1.0, 1.0]),
    "left-posterior-superior": LPS_TO_RAS,
    "lps": LPS_TO_RAS,
}
_TO_MM = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "millimeters": 1.0, "m": 1000.0, "cm": 10.0, "um": 0.001, "microns": 0.001}
_DOMAIN = {"domain", "space", ""}
_VECTORS = re.compile(r"vector|color|colour|point|gradient|normal|matrix|quaternion|complex", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header says; ``vector`` tells whether the axis that is none of space is of one sample's values."""

    shape: tuple[int, ...]
    channels: int
    interleaved: bool
    vector: bool
    dtype: np.dtype[Any]
    encoding: str
    affine: NDArray[np.float64]
    frame: Frame
    findings: tuple[str, ...]
    data_file: str
    byte_skip: int
    end: int

    @property
    def nbytes(self) -> int:
        """Of all values."""
        return math.prod(self.shape) * self.channels * self.dtype.itemsize


def parse(path: Path) -> Header:
    """The header of the file.

    Raises:
        UnreadableInput: Cut short, or something that is not read.
    """
    fields, end = _fields(path)
    axes = int(_need(fields, "dimension", path))
    sizes = [int(n) for n in _need(fields, "sizes", path).split()]
    if len(sizes) != axes or not 1 <= axes <= 16:
        raise UnreadableInput("BROKEN", path, f"{axes} axes, and {len(sizes)} sizes", _AGAIN)
    directions = _directions(fields, axes, path)
    kinds = (fields.get("kinds", "").split() + [""] * axes)[:axes]
    space = [k for k in range(axes) if (directions[k] is not None if any(d is not None for d in directions) else kinds[k] in _DOMAIN)]
    other = [k for k in range(axes) if k not in space]
    if len(space) == 4 and not any(d is not None for d in directions):
        space, other = space[:3], space[3:]
    if not 2 <= len(space) <= 3 or len(other) > 1 or (other and other[0] not in {0, axes - 1}):
        raise UnreadableInput("TOO_MANY_AXES", path, f"{len(space)} axes of space and {len(other)} others", "save volumes of three axes")
    if int(fields.get("line skip", "0")) != 0:
        raise UnreadableInput("UNSUPPORTED", path, "lines before the values are to be skipped", "save it anew")
    affine, frame, findings = _placed(fields, space, directions, path)
    return Header(
        shape=(*[sizes[k] for k in space], *[1] * (3 - len(space))),
        channels=sizes[other[0]] if other else 1,
        interleaved=bool(other) and other[0] == 0,
        vector=bool(other) and bool(_VECTORS.search(kinds[other[0]])),
        dtype=_dtype(fields, path),
        encoding=_need(fields, "encoding", path).lower(),
        affine=affine,
        frame=frame,
        findings=findings,
        data_file=_data_file(fields, path),
        byte_skip=int(fields.get("byte skip", "0")),
        end=end,
    )


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields in lower case, and where the header ends: behind the first empty line, or with the file."""
    found: dict[str, str] = {}
    with path.open("rb") as file:
        file.readline(_LONGEST)
        while True:
            line = file.readline(_LONGEST)
            if not line or file.tell() > _LONGEST:
                break
            text = line.decode("utf-8", "replace").strip("\r\n")
            if not text.strip():
                return found, file.tell()
            key, colon, value = text.partition(":")
            if colon and not text.startswith("#") and not value.startswith("="):
                found[key.strip().lower()] = value.strip()
        if "data file" in found or "datafile" in found:
            return found, file.tell()
    raise UnreadableInput("TRUNCATED", path, "the file ends within its header", _AGAIN)


def _need(fields: dict[str, str], name: str, path: Path) -> str:
    if name not in fields:
        raise UnreadableInput("BROKEN", path, f"its header does not say {name}", _AGAIN)
    return fields[name]


def _data_file(fields: dict[str, str], path: Path) -> str:
    name = fields.get("data file", fields.get("datafile", ""))
    if name.upper().startswith("LIST") or "%" in name:
        raise UnreadableInput("UNSUPPORTED", path, "its values lie in a list of files", "save it as one file")
    return name


def _dtype(fields: dict[str, str], path: Path) -> np.dtype[Any]:
    kind = _TYPES.get(" ".join(_need(fields, "type", path).lower().split()))
    if kind is None:
        raise UnreadableInput(
            "UNSUPPORTED", path, f"values of the kind {fields['type'][:20]!r} are not read", "convert it to short or float"
        )
    endian = fields.get("endian", "little").lower()
    return np.dtype(kind).newbyteorder(">" if endian == "big" else "<")


def _directions(fields: dict[str, str], axes: int, path: Path) -> list[list[float] | None]:
    """A vector for each axis of space, None for the others."""
    text = fields.get("space directions", "")
    if not text:
        return [None] * axes
    words = re.findall(r"\([^)]*\)|none", text)
    found: list[list[float] | None] = [None if word == "none" else [float(v) for v in word[1:-1].split(",")] for word in words]
    if len(found) != axes:
        raise UnreadableInput("BROKEN", path, f"{axes} axes, and {len(found)} directions", _AGAIN)
    return found


def _placed(
    fields: dict[str, str], space: list[int], directions: list[list[float] | None], path: Path
) -> tuple[NDArray[np.float64], Frame, tuple[str, ...]]:
    affine = np.eye(4)
    vectors = [d for k in space if (d := directions[k]) is not None]
    if not vectors:
        steps = [float(v) for v in fields.get("spacings", "").split()]
        used = [steps[k] for k in space] if len(steps) > max(space) else []
        known = [v if math.isfinite(v) and v > 0 else 1.0 for v in used] or [1.0] * len(space)
        affine[: len(known), : len(known)] = np.diag(known)
        return affine, "none", ("it has no directions: sizes are right, place and sides are not known",)
    name = fields.get("space", "").lower()
    origin = fields.get("space origin", "")
    place = [float(v) for v in origin.strip("() ").split(",")] if origin else [0.0] * len(vectors[0])
    if {len(v) for v in [*vectors, place]} != {len(vectors)}:
        raise UnreadableInput("BROKEN", path, "directions and origin have not as many numbers as there are axes of space", _AGAIN)
    n = len(vectors)
    affine[:n, :n] = np.array(vectors).T
    affine[:n, 3] = place
    units = {_TO_MM.get(u.lower(), 0.0) for u in re.findall(r'"([^"]*)"', fields.get("space units", ""))[:n]} or {1.0}
    if len(units) > 1 or 0.0 in units:
        raise UnreadableInput("UNSUPPORTED", path, f"the units of space {fields['space units'][:40]} are not read", "save it in mm")
    affine[:n] *= units.pop()
    if name in _SPACES:
        return _SPACES[name] @ affine, "patient", ()
    return affine, "none", (f"its space is {name or 'not named'}: sizes are right, place and sides are not known",)
