"""The headers of NIfTI-1, NIfTI-2 and Analyze 7.5, read field by field and checked."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UnreadableInput

Kind = Literal["NIfTI-1", "NIfTI-2", "Analyze 7.5"]
LENGTH = {"NIfTI-1": 348, "NIfTI-2": 540, "Analyze 7.5": 348}
LONGEST = 540
_AGAIN = "copy it again from its source"

# nifti1.h: datatype codes; colours lie together, sample by sample
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8", 128: "u1", 2304: "u1"}
_COLOURS = {128: 3, 2304: 4}
_COMPLEX = {32, 1792, 2048}
# intents whose further values belong to one sample: matrices, vectors, points, quaternions, colours
_VECTORS = {1004, 1005, 1006, 1007, 1008, 1009, 1010, 2003, 2004}
# where the fields of each header lie: offset and struct format
_ONE = {
    "dim": (40, "8h"),
    "intent": (68, "h"),
    "datatype": (70, "h"),
    "pixdim": (76, "8f"),
    "vox_offset": (108, "f"),
    "scaling": (112, "2f"),
    "units": (123, "B"),
    "codes": (252, "2h"),
    "quaternion": (256, "6f"),
    "rows": (280, "12f"),
}
_TWO = {
    "dim": (16, "8q"),
    "intent": (504, "i"),
    "datatype": (12, "h"),
    "pixdim": (104, "8d"),
    "vox_offset": (168, "q"),
    "scaling": (176, "2d"),
    "units": (500, "i"),
    "codes": (344, "2i"),
    "quaternion": (352, "6d"),
    "rows": (400, "12d"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a header says.

    ``dims`` are all axes in the order of the file, at least three, without trailing ones. ``sform`` and ``qform`` hold
    their code and numbers as they were written: twelve of the rows; three of the quaternion and three of the offset.
    """

    kind: Kind
    paired: bool
    dims: tuple[int, ...]
    dtype: np.dtype[Any]
    colours: int
    start: int
    slope: float
    intercept: float
    vector: bool
    unit: int
    pixdim: NDArray[np.float64]
    sform: tuple[int, NDArray[np.float64]]
    qform: tuple[int, NDArray[np.float64]]
    spm_scale: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one volume."""
        i, j, k = self.dims[:3]
        return i, j, k

    @property
    def nbytes(self) -> int:
        """Of all volumes in the file."""
        return math.prod(self.dims) * self.colours * self.dtype.itemsize

    @property
    def scaled(self) -> bool:
        """Whether stored numbers are not yet the values."""
        return (self.slope, self.intercept) != (1.0, 0.0)


_BEGINNINGS = frozenset(struct.pack(f"{order}i", length) for order in "<>" for length in (348, 540))


def kind_of(head: bytes) -> tuple[Kind, bool, str] | None:
    """The kind of header that these bytes begin, whether its values lie in another file, and its byte order.

    >>> kind_of(b"not a header") is None
    True
    """
    if head[:4] not in _BEGINNINGS:
        return None
    for order in "<>":
        if len(head) >= 348 and head[:4] == struct.pack(f"{order}i", 348):
            magic = head[344:348]
            if magic in {b"n+1\0", b"ni1\0"}:
                return "NIfTI-1", magic[1:2] == b"i", order
            axes, code = struct.unpack_from(f"{order}h", head, 40)[0], struct.unpack_from(f"{order}h", head, 70)[0]
            if 1 <= axes <= 7 and (code in _TYPES or code in _COMPLEX or code == 1):
                return "Analyze 7.5", True, order
        if len(head) >= 12 and head[:4] == struct.pack(f"{order}i", 540) and head[4:8] in {b"n+2\0", b"ni2\0"}:
            return "NIfTI-2", head[5:6] == b"i", order
    return None


def parse(data: bytes, path: Path) -> Header:
    """The header in these bytes.

    Raises:
        UnreadableInput: Cut short, no such header, or a content that is not read.
    """
    known = kind_of(data)
    if known is None or len(data) < LENGTH[known[0]]:
        raise UnreadableInput("TRUNCATED", path, "the file ends within its header", _AGAIN)
    kind, paired, order = known
    table = _TWO if kind == "NIfTI-2" else _ONE
    fields = {name: struct.unpack_from(order + form, data, at) for name, (at, form) in table.items()}
    code = fields["datatype"][0]
    dtype = _dtype(code, order, path)
    colours = _COLOURS.get(code, 1)
    nifti = kind != "Analyze 7.5"
    slope, intercept = _scaling(*fields["scaling"], plain=colours > 1 or not nifti)
    codes = fields["codes"] if nifti else (0, 0)
    return Header(
        kind=kind,
        paired=paired,
        dims=_dims(fields["dim"], path),
        dtype=dtype,
        colours=colours,
        start=_start(fields["vox_offset"][0], kind, path, paired=paired),
        slope=slope,
        intercept=intercept,
        vector=nifti and fields["intent"][0] in _VECTORS,
        unit=fields["units"][0] & 7 if nifti else 0,
        pixdim=np.array(fields["pixdim"], dtype=np.float64),
        qform=(codes[0], np.array(fields["quaternion"], dtype=np.float64)),
        sform=(codes[1], np.array(fields["rows"], dtype=np.float64)),
        spm_scale=0.0 if nifti else float(fields["scaling"][0]),
    )


def _dtype(code: int, order: str, path: Path) -> np.dtype[Any]:
    if code not in _TYPES:
        what = "its values are complex numbers" if code in _COMPLEX else f"values of the kind {code} are not read"
        remedy = "save magnitude and phase as two files" if code in _COMPLEX else "convert it to int16 or float32"
        raise UnreadableInput("UNSUPPORTED", path, what, remedy)
    return np.dtype(_TYPES[code]).newbyteorder("<" if order == "<" else ">")


def _dims(dim: tuple[int, ...], path: Path) -> tuple[int, ...]:
    axes, *sizes = dim
    if not 1 <= axes <= 7:
        raise UnreadableInput("BROKEN", path, f"its header says {axes} axes", _AGAIN)
    kept = sizes[:axes]
    if any(n <= 0 for n in kept):
        raise UnreadableInput("EMPTY", path, f"its header says {' x '.join(map(str, kept))}: there are no samples", "leave it out")
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    return (*kept, *[1] * (3 - len(kept)))


def _start(offset: float, kind: Kind, path: Path, *, paired: bool) -> int:
    """Where the values begin; in a single file never within the header (0 is written for the least possible)."""
    least = 0 if paired else LENGTH[kind] + 4
    if not math.isfinite(offset) or offset < 0 or offset != int(offset) or offset > 2**40 or (0 < offset < LENGTH[kind] and not paired):
        raise UnreadableInput("BROKEN", path, f"its header says that the values begin at byte {offset:g}", _AGAIN)
    return max(int(offset), least)


def _scaling(slope: float, intercept: float, *, plain: bool) -> tuple[float, float]:
    # nifti1.h: a slope of 0 means that the values are not scaled; colours never are
    if plain or slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    return float(slope), float(intercept) if math.isfinite(intercept) else 0.0
