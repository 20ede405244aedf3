"""NIfTI and Analyze volumes, one file or a pair, plain or gzipped: values on a grid in RAS+ millimetres."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from sagittal.core import Geometry, Image, Window
from sagittal.core.image import Values, default_channels
from sagittal.errors import Refused, UnreadableInput
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers import _packed
from sagittal.io.readers._nifti_affine import placed
from sagittal.io.readers._nifti_header import LONGEST, Header, kind_of, parse
from sagittal.io.readers._stored import Section, read_section

_MOST_REST = 2**25
_SIDES = {".hdr": ".img", ".HDR": ".IMG", ".img": ".hdr", ".IMG": ".HDR"}


def _open(path: Path, part: str, limits: Limits) -> Image:
    """The volume in a NIfTI or Analyze file: ``(C, i, j, k)`` in the order of the file, its affine to RAS+ in mm.

    The sform is taken where its code is above 0, else the qform; without either the voxel sizes alone, and the frame
    is ``none``. Trailing axes of length 1 are dropped. Vectors and colours are channels. Of several volumes in one file
    the part picks one (``scan.nii.gz::3``), or takes them all as channels (``scan.nii.gz::channels``). Values keep their
    stored type; slope and intercept, where there are any, make them float32.

    Raises:
        UnreadableInput: Broken, truncated, over a limit; complex values; no such part.
        Refused: ``AFFINE``, ``AFFINE_CONFLICT`` (see :mod:`sagittal.io.readers._nifti_affine`); ``SEVERAL_VOLUMES``.
    """
    first, second = _files(path)
    with decoding(path, "NIfTI"):
        header = parse(_packed.head(first, LONGEST) if _packed.is_gzip(first) else _head(first), path)
        source = _source(second, header, path) if header.paired else path
        zipped = _packed.is_gzip(source)
        taken = _taken(header, part, path)
        size = source.stat().st_size
        limits.check_file(path, size)
        limits.check(path, header.shape, taken.count * max(header.dtype.itemsize, 4), stored=size)
        if zipped:  # all of it is inflated, whichever part is taken
            limits.but(pixels=limits.bytes).check(path, header.dims, header.colours * header.dtype.itemsize, stored=size)
        elif size < header.start + header.nbytes:
            what = f"the file ends after {size:,} of {header.start + header.nbytes:,} bytes"
            raise UnreadableInput("TRUNCATED", source, what, "copy it again from its source")
        place = placed(header, path, limits)
        geometry = Geometry(shape=header.shape, affine=place.affine, unit="mm", frame=place.frame)
    section = Section(
        path=source,
        dtype=header.dtype,
        start=header.start + taken.skip,
        shape=(header.colours, *header.shape, taken.volumes) if header.colours > 1 else (*header.shape, taken.volumes),
        slope=header.slope,
        intercept=header.intercept,
        form="gzip" if zipped else None,
        most=header.start + header.nbytes + _MOST_REST,
    )

    def load(window: Window) -> Values:
        with decoding(path, "NIfTI"):
            return read_section(section, window)

    meta: dict[str, object] = {
        "format": header.kind,
        "bits": header.dtype.itemsize * 8,
        "mode": str(header.dtype),
        "affine": place.source,
        "findings": place.findings,
    }
    if place.allowed:
        meta["allowed"] = list(place.allowed)
    return Image(geometry=geometry, channels=default_channels(taken.count), load=load, meta=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """Which volumes of a file are read: how many, how many bytes before them, and how many channels they make."""

    volumes: int
    skip: int
    count: int


def _taken(header: Header, part: str, path: Path) -> _Taken:
    """What the part asks for.

    Raises:
        Refused: Several volumes, and nothing says whether they are channels or time points.
        UnreadableInput: No such part.
    """
    times, vectors, *more = (*header.dims[3:], 1, 1)[: max(2, len(header.dims) - 3)]
    if any(n > 1 for n in more) or (times > 1 and vectors > 1):
        raise UnreadableInput("TOO_MANY_AXES", path, f"its header says {' x '.join(map(str, header.dims))}", "save it with 4 axes or fewer")
    volumes = times * vectors
    if not part and volumes > 1 and vectors == 1 and not header.vector:
        what = f"it holds {volumes} volumes, which may be time points or channels"
        raise Refused(
            "SEVERAL_VOLUMES", path, what, f"name one, {path.name}::0 to {path.name}::{volumes - 1}, or all: {path.name}::channels"
        )
    if part in {"", "channels"}:
        return _Taken(volumes=volumes, skip=0, count=volumes * header.colours)
    if not (part.isascii() and part.isdigit()) or int(part) >= volumes:
        raise UnreadableInput("NO_SUCH_PART", f"{path}::{part}", f"it holds {volumes} volumes, counted from 0", "name one of them")
    return _Taken(volumes=1, skip=int(part) * (header.nbytes // volumes), count=header.colours)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST)


def _other(path: Path) -> Path | None:
    """The other file of a pair; None where there is none beside."""
    zipped = path.suffix.lower() == ".gz"
    stem, end = (path.with_suffix(""), path.suffix) if zipped else (path, "")
    side = _SIDES.get(stem.suffix)
    if side is None:
        return None
    bare = stem.with_suffix(side)
    ends = dict.fromkeys([end, "", ".gz"])
    return next((p for p in (bare.with_name(bare.name + e) for e in ends) if p.is_file()), None)


def _files(path: Path) -> tuple[Path, Path | None]:
    """The file of the header and, of a pair, that of the values, whichever of the two was named."""
    other = _other(path)
    values = ".img" in [s.lower() for s in path.suffixes[-2:]]
    return (other, path) if values and other is not None else (path, other)


def _header_file(path: Path) -> Path:
    return _files(path)[0]


def _source(second: Path | None, header: Header, path: Path) -> Path:
    if second is None or not second.is_file():
        what = f"it is the header of a {header.kind} pair, and the values (.img) do not lie beside it"
        raise UnreadableInput("NOT_FOUND", path, what, "put both files into one folder")
    return second


def _is_single(head: bytes) -> bool:
    found = kind_of(head)
    return found is not None and not found[1]


def _is_pair(head: bytes) -> bool:
    found = kind_of(head)
    return found is not None and found[1]


def _inflated(head: bytes) -> bytes:
    if not head.startswith(b"\x1f\x8b"):
        return b""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 352)
    except zlib.error:
        return b""


PAIR = "NIfTI or Analyze pair"
_FORMATS = (
    Format(name="NIfTI", suffixes=(".nii",), matches=_is_single),
    Format(name="gzipped NIfTI", suffixes=(".nii.gz",), matches=lambda h: _is_single(_inflated(h))),
    Format(name=PAIR, suffixes=(".hdr", ".img"), matches=_is_pair, header=_header_file),
    Format(name=f"gzipped {PAIR}", suffixes=(".hdr.gz", ".img.gz"), matches=lambda h: _is_pair(_inflated(h)), header=_header_file),
)
nifti = Reader(name="nifti", formats=_FORMATS, open=_open)
