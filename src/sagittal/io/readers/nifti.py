"""NIfTI volumes, plain and gzipped: values on a grid in RAS+ millimetres."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Image, Window
from sagittal.core.geometry import Frame
from sagittal.core.image import Values, default_channels
from sagittal.errors import UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding, quiet

_LENGTHS = {348: "<i4", 540: "<i4"}
_MOST_HEADER = 2**24
_MOST_REST = 2**25
# the low three bits of xyzt_units: unknown, metre, millimetre, micrometre
_TO_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}


def _is_nifti(head: bytes) -> bool:
    """A single-file NIfTI-1 or -2, of either byte order."""
    sizes = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    one = 348 in sizes and head[344:348] in {b"n+1\0", b"ni1\0"}
    two = 540 in sizes and head[4:8] in {b"n+2\0", b"ni2\0"}
    return one or two


def _is_gzipped_nifti(head: bytes) -> bool:
    if not head.startswith(b"\x1f\x8b"):
        return False
    try:
        return _is_nifti(zlib.decompressobj(wbits=31).decompress(head, 352))
    except zlib.error:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What the header says, checked."""

    shape: tuple[int, ...]
    channels: int
    dtype: np.dtype[Any]
    start: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]
    frame: Frame
    source: str
    packed: bool

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.channels * self.dtype.itemsize

    @property
    def scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)


def _open(path: Path, part: str, limits: Limits) -> Image:
    """The volume in a NIfTI file: ``(C, i, j, k)`` in the order of the file, its affine to RAS+ in mm.

    The sform is taken where its code is set, else the qform; without either the voxel sizes alone, and the frame
    is ``none``. A fourth axis of length 1 is dropped, a longer one gives channels. Slope and intercept are applied.

    Raises:
        UnreadableInput: Broken, truncated, over a limit; complex values; an affine that cannot be.
    """
    if part:
        raise UnreadableInput("NO_SUCH_PART", path, f"a volume has no part {part!r}", "leave out what follows ::")
    zipped = path.name.lower().endswith(".gz") or _starts_gzip(path)
    with decoding(path, "NIfTI"), quiet("nibabel.global"):
        size = path.stat().st_size
        limits.check_file(path, size)
        header = _header(path, zipped=zipped)
        limits.check(path, header.shape, header.channels * max(header.dtype.itemsize, 4), stored=size)
        if not zipped and size < header.start + header.nbytes:
            what = f"the file ends after {size:,} of {header.start + header.nbytes:,} bytes"
            raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
        geometry = Geometry(shape=header.shape, affine=header.affine, unit="mm", frame=header.frame)

    def load(window: Window) -> Values:
        with decoding(path, "NIfTI"):
            stored = _unzipped(path, header) if zipped else np.memmap(path, header.dtype, "r", header.start, shape=None)
            return _values(stored, header, window)

    meta = {"format": "NIfTI", "bits": header.dtype.itemsize * 8, "mode": str(header.dtype), "affine": header.source}
    return Image(geometry=geometry, channels=default_channels(header.channels), load=load, meta=meta)


def _starts_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _header(path: Path, *, zipped: bool) -> _Header:
    import nibabel

    opened = gzip.open(path) if zipped else path.open("rb")  # noqa: SIM115
    with opened as file:
        length = int.from_bytes(head := file.read(4), "little")
        kind: Any = nibabel.Nifti2Header if 540 in {length, int.from_bytes(head, "big")} else nibabel.Nifti1Header
        # nibabel accepts a header cut short
        block = head + file.read(kind.sizeof_hdr - 4)
        if len(block) < kind.sizeof_hdr:
            raise UnreadableInput("TRUNCATED", path, "the file ends within its header", "copy it again from its source")
        header: Any = kind(block, check=False)
    if bytes(header["magic"])[:2] == b"ni":
        raise UnreadableInput("UNSUPPORTED", path, "a header whose values lie in another file (.img) is not read", "convert it to .nii.gz")
    dims = [int(n) for n in header["dim"]]
    if not 1 <= dims[0] <= 7 or any(n < 1 for n in dims[1 : dims[0] + 1]):
        raise UnreadableInput("BROKEN", path, f"its header gives the dimensions {dims}", "copy it again from its source")
    sizes = dims[1 : dims[0] + 1]
    shape = tuple([*sizes, 1, 1, 1][:3])
    dtype = header.get_data_dtype()
    packed = dtype.names is not None
    channels = math.prod(sizes[3:]) * (len(dtype.names) if dtype.names else 1)
    if dtype.names is not None:
        dtype = np.dtype(np.uint8)
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise UnreadableInput("UNSUPPORTED", path, f"NIfTI values of {dtype} are not read", "convert them to float32")
    start = float(header["vox_offset"])
    if not (math.isfinite(start) and header.sizeof_hdr <= start <= _MOST_HEADER):
        raise UnreadableInput("BROKEN", path, f"its header puts the values at byte {start:g}", "copy it again from its source")
    slope, intercept = _scaling(float(header["scl_slope"]), float(header["scl_inter"]), packed=packed)
    affine, source = _affine(header, path)
    frame: Frame = "none" if source == "voxel sizes" else "patient"
    return _Header(
        shape=shape,
        channels=channels,
        dtype=dtype,
        start=int(start),
        slope=slope,
        intercept=intercept,
        affine=affine,
        frame=frame,
        source=source,
        packed=packed,
    )


def _scaling(slope: float, intercept: float, *, packed: bool) -> tuple[float, float]:
    # NIfTI-1: a slope of 0 means that the values are not scaled; colours never are
    if packed or slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    return slope, intercept if math.isfinite(intercept) else 0.0


def _affine(header: Any, path: Path) -> tuple[NDArray[np.float64], str]:
    """The affine to millimetres and where it came from."""
    if int(header["sform_code"]) > 0:
        affine, source = header.get_sform(), "sform"
    elif int(header["qform_code"]) > 0:
        affine, source = header.get_qform(), "qform"
    else:
        sizes = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
        affine, source = np.diag([*np.where(sizes > 0, sizes, 1.0), 1.0]), "voxel sizes"
    unit = _TO_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    scaled = np.diag([unit, unit, unit, 1.0]) @ np.asarray(affine, dtype=np.float64)
    block = scaled[:3, :3]
    if not np.isfinite(scaled).all() or abs(np.linalg.det(block)) < 1e-9 * max(float(np.abs(block).max()), 1e-9) ** 3:
        raise UnreadableInput(
            "AFFINE", path, f"its {source} puts all voxels in one plane, or nowhere", "write the affine anew from the source"
        )
    return scaled, source


def _unzipped(path: Path, header: _Header) -> NDArray[Any]:
    """The stored values of a gzipped file; the stream is followed to its end, where its checksum is."""
    with gzip.open(path) as file:
        file.seek(header.start)
        data = bytearray(header.nbytes)
        view, filled = memoryview(data), 0
        while filled < len(data):
            n = file.readinto(view[filled : filled + 2**24])
            if not n:
                what = f"the values end after {filled:,} of {header.nbytes:,} bytes"
                raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
            filled += n
        rest = 0
        while rest <= _MOST_REST and (more := len(file.read(2**20))):
            rest += more
    if rest > _MOST_REST:
        raise UnreadableInput(
            "BROKEN", path, "the file goes on long after the values that its header announces", "copy it again from its source"
        )
    return np.frombuffer(data, dtype=header.dtype)


def _values(stored: NDArray[Any], header: _Header, window: Window) -> Values:
    flat = stored[: header.nbytes // header.dtype.itemsize]
    if header.packed:  # colours lie together, voxel by voxel
        whole = flat.reshape((header.channels, *header.shape), order="F")
    else:
        whole = np.moveaxis(flat.reshape((*header.shape, header.channels), order="F"), 3, 0)
    part = whole[(slice(None), *window.slices)]
    native = np.asarray(part, dtype=header.dtype.newbyteorder("="))
    return (native * np.float32(header.slope) + np.float32(header.intercept)).astype(np.float32) if header.scaled else native


_NIFTI = Format(name="NIfTI", suffixes=(".nii",), matches=_is_nifti)
_GZIPPED = Format(name="gzipped NIfTI", suffixes=(".nii.gz",), matches=_is_gzipped_nifti)
nifti = Reader(name="nifti", formats=(_NIFTI, _GZIPPED), open=_open)
